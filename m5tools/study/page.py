"""The page of a study in Markdown: its claims with their answers, then every question with levels and differences."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import polars as pl

from m5tools import atomic
from m5tools.study import charts, results
from m5tools.study.answers import Answer, answers
from m5tools.study.intervals import BOOTSTRAP_SEEDS
from m5tools.study.modality_page import learned_order, where_noise_comes
from m5tools.study.plan import Plan, Question
from m5tools.study.results import Done
from m5tools.study.setting import Setting
from m5tools.study.table import markdown
from m5tools.study.views import View

PLOTTED: Final = "instance@10"

EXPLAINED: Final = f"""\
All figures are on generated products (`m5tools/study/world.py`), so their sizes mean nothing outside of it; signs and
orders may carry over. One seed is one world, one initialisation and one order of batches, shared by all that is
compared. *instance@k*: mAP@k of the one other listing of a query's product; *class@k*: mAP@k of listings of its class,
that listing left out; *probe*: accuracy of a linear classifier; *nmi*: of k-means. Poolings: *uniform*, the plain mean
of a listing's vectors; *rho*, weighted by reliability; *rho_q*, also by each listing's own agreement (the default of
`m5 train`). Levels are means over seeds ± one standard deviation. Differences are paired by seed: the mean and its 95 %
interval by Student's t; **bold** where that excludes zero. From {BOOTSTRAP_SEEDS} seeds on the percentile bootstrap's
interval stands beside it in brackets; of three seeds it would tell nothing. No correction for the number of comparisons
is made: of twenty without any effect one is bold.
"""

ANSWERED: Final = """\
## Claims

*yes*: the interval lies on the claimed side of zero (or of the bound that the claim names); *no*: on the other side;
*not told apart*: it holds zero, so no effect is shown. Of orders and last places: *yes* only where every run shows it.
A claim with several figures counts them.
"""


def write(plan: Plan, done: Done, failed: dict[str, str] | None, folder: Path, setting: Setting) -> Path:
    """Write tables (Markdown and Parquet) and plots of what is finished, also where that is a part.

    Args:
        failed: errors of the runs that ended in one, by fingerprint; None where no run was begun.

    Returns:
        Path of the page; beside it `results.parquet`, `differences.parquet`, `weights.parquet` and the plots.
    """
    table = results.long(plan, done)
    differences, weights = results.differences(plan, table), results.weights(plan, done)
    for name, frame in (("results", table), ("differences", differences), ("weights", weights)):
        with atomic.whole_file(folder / f"{name}.parquet") as temporary:
            frame.write_parquet(temporary)
    parts = [
        f"# {plan.study.title}\n",
        _facts(plan, done, failed, setting),
        _failures(plan, failed or {}),
        _no_numbers(table),
    ]
    parts += [_claims(answers(plan, table, weights)), _elsewhere(plan), _missing(plan, done, failed or {}), EXPLAINED]
    for name, question in plan.study.questions.items():
        parts.append(f"## {name}\n\n{question.asks}\n")
        parts.append(_levels(table, name, question))
        own = differences.filter(pl.col("question") == name)
        if not own.is_empty():
            parts.append(_differences(own, question))
            if charts.forest(own, folder / f"{name}_differences.svg", PLOTTED, name):
                parts.append(f"![Paired differences]({name}_differences.svg)\n")
        if question.axis is not None:
            there = table.filter(pl.col("question") == name)
            if charts.curve(question, there, folder / f"{name}.svg", PLOTTED, name):
                parts.append(f"![{question.axis}]({name}.svg)\n")
    parts += [where_noise_comes(weights), learned_order(weights, table)]
    path = folder / f"{plan.study.title.lower().replace(' ', '_')}.md"
    atomic.write_bytes(path, ("\n".join(part for part in parts if part)).encode())
    return path


def _facts(plan: Plan, done: Done, failed: dict[str, str] | None, setting: Setting) -> str:
    seconds = sum(sum(one["seconds"].values()) for one in done.values())
    told = "none begun for this page" if failed is None else f"{len(failed):,} failed"
    seeds = sorted({cell.seed for cell in plan.runs.values()})
    counts = sorted({len({s for q, _, s in plan.places if q == name}) for name in plan.study.questions})
    lines = [
        f"command    {setting.command}",
        f"runs       {len(done):,} of {len(plan.runs):,} finished, {told}; ended {setting.ended or 'none'} (UTC)",
        f"seeds      {seeds[0]} to {seeds[-1]}; {counts[0]} to {counts[-1]} a question",
        f"time       {seconds / 3600:.2f} processor hours, {seconds / max(len(done), 1):.0f} s a run, one thread each",
        f"machine    {setting.machine}",
        f"versions   {setting.versions}",
    ]
    return "```\n" + "\n".join(lines) + "\n```\n"


def _missing(plan: Plan, done: Done, failed: dict[str, str]) -> str:
    """Which runs there are no results of yet, by question and cell."""
    lines = []
    for name, question in plan.study.questions.items():
        counts = {
            cell: sum(
                m not in done and m not in failed for (q, c, _), m in plan.places.items() if (q, c) == (name, cell)
            )
            for cell in question.named()
        }
        cells = [f"{cell} ({count})" for cell, count in counts.items() if count]
        if cells:
            lines.append(f"- {name}: {'; '.join(cells)}")
    return "\n".join(["**Not run yet** (cells, with the number of seeds):\n", *lines, ""]) if lines else ""


def _failures(plan: Plan, failed: dict[str, str]) -> str:
    if not failed:
        return ""
    lines = [f"**{len(failed)} runs failed:**\n"]
    for mark, error in sorted(failed.items()):
        cells = sorted({f"{q} / {c}, seed {s}" for (q, c, s), m in plan.places.items() if m == mark})
        lines.append(f"- {'; '.join(cells)}: {error}")
    return "\n".join(lines) + "\n"


def _no_numbers(table: pl.DataFrame) -> str:
    """Figures that are no number, which no mean counts."""
    bad = table.filter(~pl.col("value").is_finite()).group_by("question", "cell", "metric", maintain_order=True)
    lines = [f"- {row['question']} / {row['cell']}: {row['metric']} ({row['seeds']} seeds)" for row in
             bad.agg(pl.col("seed").n_unique().alias("seeds")).to_dicts()]  # fmt: skip
    return "\n".join(["**No number**, and left out of every mean:\n", *lines, ""]) if lines else ""


def _claims(found: list[Answer]) -> str:
    rows = []
    for answer in found:
        several = len(answer.figures) > 1
        shown = [
            f"{one.of}: {one.shown}{f' **{one.verdict}**' * several * bool(one.verdict)}" for one in answer.figures
        ]
        rows.append([answer.says, f"**{answer.verdict}**", "<br>".join(shown)])
    return f"{ANSWERED}\n{markdown(['claim', 'answer', 'figures'], rows)}" if rows else ""


def _elsewhere(plan: Plan) -> str:
    lines = [f"- {says}: {place}" for says, place in plan.study.elsewhere.items()]
    return "\n".join(["Shown elsewhere, for no run of a study can:\n", *lines, ""]) if lines else ""


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
    return markdown(["cell / pooling", *question.metrics, "seeds"], rows) if rows else ""


def _level(mean: float, deviation: float, seeds: int) -> str:
    if not seeds:
        return "–"
    return f"{mean:.3f}" if math.isnan(deviation) else f"{mean:.3f} ± {deviation:.3f}"


def _differences(own: pl.DataFrame, question: Question) -> str:
    rows = []
    for group in own.partition_by("name", maintain_order=True):
        by_metric = {row["metric"]: row for row in group.to_dicts()}
        first = next(iter(by_metric.values()))
        each = by_metric.get(PLOTTED, first)["values"]
        rows.append([
            first["name"],
            *(_difference(by_metric.get(metric)) for metric in question.metrics),
            " ".join(f"{value:+.3f}" for value in each),
        ])  # fmt: skip
    formulas = dict(own.filter(pl.col("name").is_in(_effects(question))).select("name", "formula").iter_rows())
    told = [f"- *{name}*: {formula}" for name, formula in formulas.items()]
    table = markdown(["difference", *question.metrics, f"{PLOTTED}, every seed"], rows)
    return "\n".join([table, *told, ""]) if told else table


def _effects(question: Question) -> list[str]:
    return [contrast.name for contrast in question.contrasts() if len(contrast.terms) > 2]


def _difference(row: dict[str, Any] | None) -> str:
    if row is None:
        return "–"
    mean, low, high, boot_low, boot_high = (row[k] for k in ("mean", "low", "high", "boot_low", "boot_high"))
    if row["seeds"] < 2:
        return f"{mean:+.3f}"
    shown = f"**{mean:+.3f}**" if low > 0 or high < 0 else f"{mean:+.3f}"
    boot = "" if math.isnan(boot_low) else f" [{boot_low:+.3f}, {boot_high:+.3f}]"
    return f"{shown} ({low:+.3f}, {high:+.3f}){boot}"
