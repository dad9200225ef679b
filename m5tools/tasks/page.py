"""An evaluation as tables: rows that the terminal and the Markdown page both show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from m5tools import atomic
from m5tools.tasks.metrics import KS
from m5tools.tasks.report import FUSED, Classification, Clustering, Evaluation, Measured, Retrieval, System
from m5tools.vocabulary import Band

MAIN: Final = "mAP@10"
USUAL: Final = tuple(f"{name}@{k}" for name in ("mAP", "Prec", "recall") for k in KS)
RELEASED: Final = tuple(f"{name}_released@{k}" for name in ("mAP", "Prec") for k in KS)
_SOUGHT: Final = {"fine": "same product", "coarse": "same category"}


@dataclass(frozen=True)
class Sheet:
    """One table.

    Attributes:
        title: what it shows.
        head: names of the columns; the first names the row.
        rows: cells as text.
        brief: whether it belongs to what the terminal shows.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    brief: bool = True


def sheets(found: Evaluation) -> Iterator[Sheet]:
    """All tables, in the order of the tasks."""
    for name, task in (("fine", found.fine), ("coarse", found.coarse)):
        yield from _retrieval(name, task)
    yield from _classification(found.classification)
    yield from _clustering(found.clustering)


def markdown(found: Evaluation) -> str:
    """The page `evaluation.md`."""
    config = found.config
    lines = [
        f"# Evaluation of {found.model}",
        "",
        f"Step {found.step:,}, judged on {found.products:,} products of {', '.join(config.splits)}"
        f"{' with the train split as distractors' if config.distractors else ''}. Brackets are 95 % intervals by "
        f"{config.bootstraps:,} bootstrap draws of products; differences to `{FUSED}` are paired. `released` is the "
        "definition of M5Product's evaluator, which must not be compared with the usual one. Everything was measured "
        "here; the form of `evaluation.json`, with every metric, is `schemas/evaluation.schema.json`.",
    ]
    for sheet in sheets(found):
        lines += ["", f"## {sheet.title}", ""]
        if not sheet.rows:
            lines.append("Nothing to judge.")
            continue
        lines.append("| " + " | ".join(sheet.head) + " |")
        lines.append("|---" * len(sheet.head) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in sheet.rows]
    return "\n".join(lines) + "\n"


def write(found: Evaluation, out: Path) -> tuple[Path, Path]:
    """Write figures and page; returns their paths.

    Args:
        out: a folder for `evaluation.json` and `evaluation.md`, or the path of the first, ending in .json.
    """
    figures = out if out.suffix == ".json" else out / "evaluation.json"
    page = figures.with_suffix(".md")
    atomic.write_json(figures, found.model_dump(mode="json"))
    atomic.write_bytes(page, markdown(found).encode())
    return figures, page


def _retrieval(name: str, task: Retrieval) -> Iterator[Sheet]:
    called = f"{name.capitalize()} retrieval"
    who = "roles of the split" if task.protocol == "roles" else "everyone asks"
    size = f"{task.queries:,} queries, gallery {task.gallery:,}, {task.distractors:,} distract; {who}"
    rows = [
        (system, *_figures(one, ("mAP@1", MAIN)), _ends(one, MAIN), _less(one, MAIN), f"{one.answered:.0%}")
        for system, one in task.systems.items()
    ]
    if task.chance:
        rows.append(("chance", *(f"{task.chance[m]:.3f}" for m in ("mAP@1", MAIN)), "", "", ""))
    head = ("system", "mAP@1", MAIN, "95 %", "less fused", "answered")
    yield Sheet(f"{called}: {_SOUGHT[name]} ({size})", head, tuple(rows))
    if not task.systems:
        return
    usual = [(system, *_figures(one, USUAL)) for system, one in task.systems.items()]
    usual.append(("chance", *(f"{task.chance[m]:.3f}" for m in USUAL)))
    yield Sheet(f"{called}, every metric in the usual definition", ("system", *USUAL), tuple(usual), False)
    released = tuple((system, *_figures(one, RELEASED)) for system, one in task.systems.items())
    yield Sheet(f"{called}, as the released evaluator counts", ("system", *RELEASED), released, False)
    yield from _parts(f"{called}, {MAIN}", MAIN, task.systems, task.combinations, task.removed)


def _classification(task: Classification) -> Iterator[Sheet]:
    size = f"{task.classes:,} classes, {task.train_rows:,} to learn from, {task.test_rows:,} judged"
    rows = [
        (system, *_figures(one, ("accuracy",)), _ends(one, "accuracy"), _less(one, "accuracy"))
        for system, one in task.systems.items()
    ]
    if task.chance:
        rows.append(("largest class", f"{task.chance['accuracy']:.3f}", "", ""))
    title = f"Classification: category by linear probe ({size})"
    yield Sheet(title, ("system", "accuracy", "95 %", "less fused"), tuple(rows))
    if task.systems:
        yield from _parts("Classification, accuracy", "accuracy", task.systems, task.combinations, task.removed)


def _clustering(task: Clustering) -> Iterator[Sheet]:
    title = f"Clustering ({task.products:,} products, {task.clusters:,} clusters, {task.runs} runs of k-means)"
    rows = [
        (system, *(f"{one[m].mean:.3f} ({one[m].low:.3f}–{one[m].high:.3f})" for m in ("nmi", "purity")))
        for system, one in task.systems.items()
    ]
    if task.chance:
        rows.append(("chance", *(f"{task.chance[m]:.3f}" for m in ("nmi", "purity"))))
    yield Sheet(title, ("system", "NMI (least–most)", "purity (least–most)"), tuple(rows))


def _parts(
    title: str,
    metric: str,
    systems: Mapping[str, System],
    combinations: Mapping[str, System],
    removed: Mapping[str, System],
) -> Iterator[Sheet]:
    """By band of the tail, under random losses, by combination of modalities."""
    bands = [band.value for band in Band if any(band.value in one.bands for one in systems.values())]
    if bands:
        rows = tuple((name, *(_in_band(one, band, metric) for band in bands)) for name, one in systems.items())
        counts = {band: next(one.bands[band].count for one in systems.values() if band in one.bands) for band in bands}
        yield Sheet(f"{title} by band", ("system", *(f"{b} ({counts[b]:,})" for b in bands)), rows, False)
    head = ("", metric, "95 %", "less fused")
    if removed:
        lost = [(f"{float(share):.0%}", one) for share, one in removed.items()]
        rows = tuple((n, *_figures(s, (metric,)), _ends(s, metric), _less(s, metric)) for n, s in lost)
        yield Sheet(f"{title} when modalities are lost at random", ("lost", *head[1:]), rows)
    if combinations:
        rows = tuple((n, *_figures(s, (metric,)), _ends(s, metric), _less(s, metric)) for n, s in combinations.items())
        yield Sheet(f"{title} by combination of modalities", ("shown", *head[1:]), rows, False)


def _figures(one: Measured, metrics: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{one.metrics[metric]:.3f}" for metric in metrics)


def _in_band(one: System, band: str, metric: str) -> str:
    if band not in one.bands:
        return ""
    own = one.bands[band]
    return f"{own.metrics[metric]:.3f} {_ends(own, metric)}".rstrip()


def _ends(one: Measured, metric: str) -> str:
    if metric not in one.interval:
        return ""
    low, high = one.interval[metric]
    return f"[{low:.3f}, {high:.3f}]"


def _less(one: System, metric: str) -> str:
    if metric not in one.against_fused:
        return ""
    mean, low, high = one.against_fused[metric]
    return f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]"
