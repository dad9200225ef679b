"""The tables of `real_retrieval.py`, in Markdown, between two marks of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from m5tools import atomic
from m5tools.study.intervals import Interval, interval
from m5tools.study.page import markdown
from m5tools.tasks.bootstrap import Bootstrap

SHOWN: Final = ("mAP@10", "Prec@1", "Prec@10")
MAIN: Final = "mAP@10"
DRAWS: Final = 10_000
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"

Run = dict[str, Any]
Cells = dict[str, list[Run]]
Floats = NDArray[np.float64]


def put(file: Path, tables: str) -> None:
    """Write the tables between the marks of a page.

    Raises:
        ValueError: the page has no marks.
    """
    before, begin, rest = file.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{file} has no marks {BEGIN} … {END}")
    atomic.write_bytes(file, f"{before}{BEGIN}\n\n{tables}\n{END}{after}".encode())


def of_set(name: str, sizes: dict[str, Any], cells: Cells) -> str:
    """All tables of one set."""
    ours = cells["harmonized"]
    directions = list(ours[0]["crossings"])
    seconds = sum(run["processor_s"] for runs in cells.values() for run in runs)
    parts = [
        f"## {name}\n\nSeeds: {len(ours)}. Networks: {len(cells)}. {seconds / 60:.1f} processor minutes; "
        f"{_span(ours, 'train_rows')} products to train on beside {_span(ours, 'calibration_rows')} for calibration, "
        f"{ours[0]['train']['step']} steps. Queries of fine retrieval (another offer of the product): "
        f"{sum(run['fine_queries'] for run in ours)}.\n",
        _sizes(sizes),
        *(f"**{m}** of the same product, across modalities:\n\n{_crossings(cells, directions, m)}" for m in SHOWN),
        f"Differences of {MAIN}:\n\n{_differences(cells, directions)}",
    ]
    if len(sizes["products"]) > 1:
        parts.append(
            f"By source of the product that is asked for (`harmonized`; the gallery is that of all sources):\n\n"
            f"{_by_source(ours, directions, sizes['source'])}"
        )
    parts += [
        "What the rule learned of each modality (on calibration products):\n\n" + _reliability(cells),
        f"**{MAIN}** of the same category, product vectors:\n\n{_coarse(cells)}",
        f"**{MAIN}** of the same category, `harmonized`, by what is shown:\n\n{_combinations(ours)}",
    ]
    return "\n".join(parts)


def _span(runs: Sequence[Run], name: str) -> str:
    least, most = (pick(run["train"][name] for run in runs) for pick in (min, max))
    return f"{least}" if least == most else f"{least}–{most}"


def _sizes(sizes: dict[str, Any]) -> str:
    present = {(source, modality): count for source, modality, count in sizes["present"]}
    modalities = [m for m in ("image", "text", "table", "video", "audio") if any(m == k for _, k in present)]
    rows = [
        [source, str(count), *(str(present.get((source, m), 0)) for m in modalities)]
        for source, count in sizes["products"].items()
    ]
    return markdown(["source", "products", *modalities], rows)


def _crossings(cells: Cells, directions: Sequence[str], metric: str) -> str:
    rows = []
    for cell, runs in cells.items():
        found = [[run["crossings"][d] for run in runs] for d in directions]
        if any(one["answered"] for several in found for one in several):
            rows.append([cell, *(_level(_means(several, metric)) for several in found)])
    ours = [[run["crossings"][d] for run in cells["harmonized"]] for d in directions]
    rows.append(["chance", *(f"{np.mean([one['chance'][metric] for one in several]):.3f}" for several in ours)])
    if metric == MAIN:
        rows.append(["queries a seed", *(_counts([len(one["ids"]) for one in several]) for several in ours)])
        rows.append(["gallery", *(_counts([one["gallery"] for one in several]) for several in ours)])
    return markdown(["", *directions], rows)


def _means(several: Sequence[dict[str, Any]], metric: str) -> list[float] | None:
    """By seed; None where nothing is in common."""
    if not all(one["answered"] for one in several):
        return None
    return [float(np.mean(one["values"][metric])) for one in several]


def _level(values: Sequence[float] | None) -> str:
    if values is None:
        return "–"
    return f"{np.mean(values):.3f} ± {np.std(values, ddof=1):.3f}" if len(values) > 1 else f"{values[0]:.3f}"


def _counts(numbers: Sequence[int]) -> str:
    return f"{min(numbers)}" if min(numbers) == max(numbers) else f"{min(numbers)}–{max(numbers)}"


def _differences(cells: Cells, directions: Sequence[str]) -> str:
    """Of the default less each other, and less chance."""
    rows = [["harmonized − chance", *(_against_chance(cells["harmonized"], d) for d in directions)]]
    rows += [
        [f"harmonized − {cell}", *(_against(cells["harmonized"], runs, d) for d in directions)]
        for cell, runs in cells.items()
        if cell != "harmonized" and any(run["crossings"][d]["answered"] for run in runs for d in directions)
    ]
    rows += [
        [f"{cell} − chance", *(_against_chance(runs, d) for d in directions)]
        for cell, runs in cells.items()
        if cell != "harmonized" and any(run["crossings"][d]["answered"] for run in runs for d in directions)
    ]
    return markdown(["", *directions], rows)


def _against_chance(runs: Sequence[Run], direction: str, mine: Callable[[str], bool] | None = None) -> str:
    found = [run["crossings"][direction] for run in runs]
    if not all(one["answered"] for one in found):
        return "–"
    return _paired([(one["ids"], np.array(one["values"][MAIN]) - one["chance"][MAIN]) for one in found], mine)


def _against(ours: Sequence[Run], others: Sequence[Run], direction: str) -> str:
    pairs = [(a["crossings"][direction], b["crossings"][direction]) for a, b in zip(ours, others, strict=True)]
    if not all(one["answered"] and other["answered"] for one, other in pairs):
        return "–"
    assert all(one["ids"] == other["ids"] for one, other in pairs), "networks of a seed are asked the same"
    return _paired([(a["ids"], np.array(a["values"][MAIN]) - np.array(b["values"][MAIN])) for a, b in pairs])


def _paired(seeds: Sequence[tuple[Sequence[str], Floats]], mine: Callable[[str], bool] | None = None) -> str:
    """Mean, t interval over seeds and bootstrap interval over products, of differences of every query."""
    kept = [(ids, less, np.array([mine is None or mine(i) for i in ids], bool)) for ids, less in seeds]
    by_seed = np.array([less[own].mean() for _, less, own in kept if own.any()])
    ids = [i for names, _, own in kept for i, here in zip(names, own, strict=True) if here]
    if not ids:
        return "–"
    less = np.concatenate([less[own] for _, less, own in kept])
    _, unit = np.unique(ids, return_inverse=True)
    low, high = (float(x[0]) for x in Bootstrap(DRAWS, 0).interval(less[:, None], unit))
    over_seeds = interval(by_seed)
    sure = (over_seeds.low > 0 and low > 0) or (over_seeds.high < 0 and high < 0)
    shown = f"**{over_seeds.mean:+.3f}**" if sure else f"{over_seeds.mean:+.3f}"
    return f"{shown} {_ends(over_seeds)} [{low:+.3f}, {high:+.3f}]"


def _by_source(runs: Sequence[Run], directions: Sequence[str], source: dict[str, str]) -> str:
    rows = []
    for name in sorted(set(source.values())):
        asked = [len({i for run in runs for i in run["crossings"][d]["ids"] if source[i] == name}) for d in directions]
        cells = [_against_chance(runs, d, lambda i, name=name: source[i] == name) for d in directions]  # type: ignore[misc]
        rows.append([f"{name} − chance", *(f"{c}; {n} products" for c, n in zip(cells, asked, strict=True))])
    return markdown(["", *directions], rows)


def _reliability(cells: Cells) -> str:
    ours = cells["harmonized"]
    modalities = [m for m in ours[0]["train"]["reliability"] if any(run["train"]["reliability"][m] for run in ours)]
    rows = [
        [f"{cell}: {what}", *(_level([run["train"][what][m] for run in cells[cell]]) for m in modalities)]
        for cell, what in (("harmonized", "reliability"), ("harmonized", "weight"))
    ]
    return markdown(["", *modalities], rows)


def _coarse(cells: Cells) -> str:
    ours = cells["harmonized"]
    rows = []
    for cell, runs in cells.items():
        values = [run["coarse"]["systems"]["fused"][MAIN] for run in runs]
        rows.append([
            cell, *(_level([run["coarse"]["systems"]["fused"][m] for run in runs]) for m in SHOWN),
            "" if cell == "harmonized" else _by_seed(ours, values),
        ])  # fmt: skip
    titles = [run["coarse"]["systems"]["tfidf_title"][MAIN] for run in ours]
    shown = (_level([run["coarse"]["systems"]["tfidf_title"][m] for run in ours]) for m in SHOWN)
    rows.append(["titles, TF-IDF", *shown, _by_seed(ours, titles)])
    chances = [run["coarse"]["chance"] for run in ours]
    shown = (f"{np.mean([chance[m] for chance in chances]):.3f}" for m in SHOWN)
    rows.append(["chance", *shown, _by_seed(ours, [chance[MAIN] for chance in chances])])
    asked = _counts([run["coarse"]["queries"] for run in ours])
    gallery = _counts([run["coarse"]["gallery"] for run in ours])
    told = f"\n{asked} queries a seed in a gallery of {gallery}.\n"
    return markdown(["", *SHOWN, f"harmonized less this, {MAIN}"], rows) + told


def _by_seed(ours: Sequence[Run], others: Sequence[float]) -> str:
    less = np.array([r["coarse"]["systems"]["fused"][MAIN] - x for r, x in zip(ours, others, strict=True)])
    return _over_seeds(less)


def _over_seeds(less: Floats) -> str:
    found = interval(less)
    sure = found.low > 0 or found.high < 0
    shown = f"**{found.mean:+.3f}**" if sure else f"{found.mean:+.3f}"
    return f"{shown} {_ends(found)}"


def _ends(found: Interval) -> str:
    return "(one seed)" if len(found.values) < 2 else f"({found.low:+.3f}, {found.high:+.3f})"


def _combinations(runs: Sequence[Run]) -> str:
    """Of the modalities that there are: each alone, each taken away, all."""
    return markdown(["shown", *SHOWN, f"all less this, {MAIN}"], _combined(runs))


def _combined(runs: Sequence[Run]) -> Iterator[list[str]]:
    there = [m for m in runs[0]["train"]["reliability"] if m in runs[0]["coarse"]["systems"]]
    for name in runs[0]["coarse"]["combinations"]:
        if set(name.split("+")) <= set(there):
            found = [run["coarse"]["combinations"][name] for run in runs]
            less = np.array([r["coarse"]["systems"]["fused"][MAIN] - f[MAIN] for r, f in zip(runs, found, strict=True)])
            yield [
                name, *(_level([f[m] for f in found]) for m in SHOWN),
                "" if set(name.split("+")) == set(there) else _over_seeds(less),
            ]  # fmt: skip
