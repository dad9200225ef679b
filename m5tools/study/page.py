"""The page of a study: every question with its levels, its paired differences and its plots, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools import atomic
from m5tools.study import charts, results
from m5tools.study.plan import Plan, Question, View
from m5tools.study.results import Done

PLOTTED: Final = "instance@10"

EXPLAINED: Final = """\
All figures are on generated products (`m5tools/study/world.py`), so their sizes mean nothing outside of it; signs and
orders may carry over. One seed is one world, one initialisation and one order of batches, shared by all that is
compared. *instance@k*: mAP@k of the one other listing of a query's product; *class@k*: mAP@k of listings of its class,
that listing left out; *probe*: accuracy of a linear classifier; *nmi*: of k-means. Poolings: *uniform*, the plain mean
of a listing's vectors; *rho*, weighted by reliability; *rho_q*, also by each listing's own agreement (the default of
`m5 train`). Levels are means over seeds ± one standard deviation. Differences are paired by seed: mean, Student's t
interval, [bootstrap interval], both 95 %; **bold** where both exclude zero. A mean of few seeds that excludes zero is
still of few seeds; no correction for the number of comparisons is made.
"""


def write(plan: Plan, done: Done, failed: dict[str, str], folder: Path, command: str) -> Path:
    """Write tables (Markdown and Parquet) and plots of what is finished.

    Returns:
        Path of the page; beside it `results.parquet`, `differences.parquet`, `weights.parquet` and the plots.
    """
    table = results.long(plan, done)
    differences, weights = results.differences(plan, table), results.weights(plan, done)
    for name, frame in (("results", table), ("differences", differences), ("weights", weights)):
        with atomic.whole_file(folder / f"{name}.parquet") as temporary:
            frame.write_parquet(temporary)
    parts = [f"# {plan.study.title}\n", EXPLAINED, _facts(plan, done, failed, command)]
    for name, question in plan.study.questions.items():
        parts.append(f"## {name}\n\n{question.asks}\n")
        parts.append(_levels(table, name, question))
        own = differences.filter(pl.col("question") == name)
        if not own.is_empty():
            parts.append(_differences(own, question))
            charts.forest(own, folder / f"{name}_differences.svg", PLOTTED, name)
            parts.append(f"![Paired differences]({name}_differences.svg)\n")
        if question.axis is not None:
            charts.curve(question, table.filter(pl.col("question") == name), folder / f"{name}.svg", PLOTTED, name)
            parts.append(f"![{question.axis}]({name}.svg)\n")
    parts.append(_noise(weights))
    parts.append(_order(weights, table))
    path = folder / f"{plan.study.title.lower().replace(' ', '_')}.md"
    atomic.write_bytes(path, ("\n".join(part for part in parts if part)).encode())
    return path


def _facts(plan: Plan, done: Done, failed: dict[str, str], command: str) -> str:
    seconds = sum(sum(one["seconds"].values()) for one in done.values())
    lines = [
        f"`{command}`: {len(done):,} of {len(plan.runs):,} runs finished, {seconds / 3600:.2f} processor hours "
        f"({seconds / max(len(done), 1):.0f} s a run), seeds from {plan.study.first_seed}."
    ]
    if failed:
        lines.append(f"\n{len(failed)} runs failed:\n")
        for mark, error in sorted(failed.items()):
            cells = sorted({f"{q} / {c}, seed {s}" for (q, c, s), m in plan.places.items() if m == mark})
            lines.append(f"- {'; '.join(cells)}: {error}")
    return "\n".join(lines) + "\n"


def _levels(table: pl.DataFrame, name: str, question: Question) -> str:
    rows = []
    for cell in question.named():
        for pooling in question.poolings:
            for removal in question.removal:
                view = View(cell=cell, pooling=pooling, removal=removal)
                found = [results.levels(table, name, view, metric) for metric in question.metrics]
                seeds = max(count for _, _, count in found)
                if seeds:
                    rows.append([str(view), *(_level(*one) for one in found), str(seeds)])
    return markdown(["cell / pooling", *question.metrics, "seeds"], rows)


def _level(mean: float, deviation: float, seeds: int) -> str:
    if not seeds:
        return "–"
    return f"{mean:.3f}" if math.isnan(deviation) else f"{mean:.3f} ± {deviation:.3f}"


def _differences(own: pl.DataFrame, question: Question) -> str:
    rows = []
    for group in own.partition_by("view", "other"):
        by_metric = {row["metric"]: row for row in group.to_dicts()}
        first = next(iter(by_metric.values()))
        each = by_metric.get(PLOTTED, first)["values"]
        rows.append([
            f"{first['view']} − {first['other']}",
            *(_difference(by_metric.get(metric)) for metric in question.metrics),
            " ".join(f"{value:+.3f}" for value in each),
        ])  # fmt: skip
    return markdown(["difference", *question.metrics, f"{PLOTTED}, every seed"], rows)


def _difference(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    mean, low, high, boot_low, boot_high = (row[k] for k in ("mean", "low", "high", "boot_low", "boot_high"))
    if row["seeds"] < 2:
        return f"{mean:+.3f}"
    sure = (low > 0 and boot_low > 0) or (high < 0 and boot_high < 0)
    shown = f"**{mean:+.3f}**" if sure else f"{mean:+.3f}"
    return f"{shown} ({low:+.3f}, {high:+.3f}) [{boot_low:+.3f}, {boot_high:+.3f}]"


def _noise(weights: pl.DataFrame) -> str:
    found = results.noise_last(weights)
    rows = [
        [
            f"{row['question']}: {row['cell']}", row["rule"],
            *(f"{row[f'{m}_last']} of {row['seeds']}" for m in ("masked", "pair", "share")),
            *(f"{row[m]:.2f}" for m in ("noise_masked", "noise_pair", "noise_share", "reliability", "memorised")),
        ]
        for row in found.to_dicts()
    ]  # fmt: skip
    head = ["cell", "trained with", "masked last", "pairs last", "share last"]
    head += ["masked", "pairs", "share", "reliability", "D in training"]
    told = (
        "## Where noise comes\n\nIn how many seeds every noise modality came below every other one: in the weight of "
        "its masked task, in the mean weight of its pairs, and in the share of the vectors of complete listings (the "
        "default pooling, whatever it was trained with). Then the largest of a noise modality, averaged over seeds; "
        "weights average 1, shares 0.2. Reliability is measured on calibration listings; *D in training* is the mean D "
        "on listings trained on, where noise is memorised.\n"
    )
    return f"{told}\n{markdown(head, rows)}" if rows else ""


def _order(weights: pl.DataFrame, table: pl.DataFrame) -> str:
    rows = []
    for metric in ("probe", "instance@10"):
        found = results.order(weights, table, metric).drop_nulls("spearman").drop_nans("spearman")
        for group in found.partition_by("question", "cell"):
            name = f"{group['question'][0]}: {group['cell'][0]}"
            values = group["spearman"].sort().to_list()
            rows.append([name, metric, f"{float(np.median(values)):.2f}", _listed(values)])
    told = (
        "## Learned order\n\nSpearman's correlation of a modality's reliability and what its own vectors achieve "
        "alone.\n"
    )
    return f"{told}\n{markdown(['cell', 'alone by', 'median', 'every seed'], rows)}" if rows else ""


def _listed(values: Iterable[float]) -> str:
    return " ".join(f"{value:.2f}" for value in values)


def markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    lines.insert(1, "|" + "---|" * len(head))
    return "\n".join(lines) + "\n"
