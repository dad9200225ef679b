"""Results of a study as tables: one value a row, paired differences with intervals, and where noise stands."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl

from m5tools.scale.networks import SHARING
from m5tools.study.intervals import Interval, interval
from m5tools.study.plan import Plan
from m5tools.study.views import Contrast, View
from m5tools.study.world import STRENGTH
from m5tools.vocabulary import Modality

Done = dict[str, dict[str, Any]]


def long(plan: Plan, done: Done) -> pl.DataFrame:
    """Every figure of every finished run.

    Columns: question, cell, at, seed, pooling, removal, metric, value. A modality's own vectors are the pooling
    "alone <modality>".
    """
    rows = [
        (question, cell, seed, pooling, removal, metric, value)
        for (question, cell, seed), mark in plan.places.items()
        if mark in done
        for pooling, removal, metric, value in _figures(done[mark])
    ]
    names = ("question", "cell", "seed", "pooling", "removal", "metric", "value")
    kinds = (pl.String, pl.String, pl.Int64, pl.String, pl.String, pl.String, pl.Float64)
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def _figures(result: dict[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    for pooling, rates in result["scores"].items():
        for removal, metrics in rates.items():
            for metric, value in metrics.items():
                yield pooling, removal, metric, value
    for modality, metrics in result["alone"].items():
        for metric, value in metrics.items():
            yield f"alone {modality}", "0%", metric, value
    for modality, value in result["mismatch"].items():
        yield "rho_q", "0%", f"mismatch AUC {modality}", value


def levels(table: pl.DataFrame, question: str, view: View, metric: str) -> tuple[float, float, int]:
    """Mean, standard deviation and number of seeds of one view and metric; NaN where there is nothing."""
    values = by_seed(table, question, view, metric)["value"].to_numpy()
    if not len(values):
        return float("nan"), float("nan"), 0
    return float(values.mean()), float(values.std(ddof=1)) if len(values) > 1 else float("nan"), len(values)


def by_seed(table: pl.DataFrame, question: str, view: View, metric: str) -> pl.DataFrame:
    """Columns seed and value, in order of the seed."""
    found = table.filter(
        pl.col("question") == question,
        pl.col("cell") == view.cell,
        pl.col("pooling") == view.pooling,
        pl.col("removal") == view.removal,
        pl.col("metric") == metric,
    )
    return found.select("seed", "value").sort("seed")


def summed(table: pl.DataFrame, question: str, contrast: Contrast, metric: str) -> Interval | None:
    """A contrast seed by seed (same world, same order of batches), over the seeds that have all of its views.

    Returns:
        None without such a seed. Seeds with a figure that is no number are left out.
    """
    found: pl.DataFrame | None = None
    for number, (factor, view) in enumerate(contrast.terms):
        own = by_seed(table, question, view, metric).select("seed", (factor * pl.col("value")).alias(str(number)))
        found = own if found is None else found.join(own, on="seed")
    assert found is not None
    values = found.sort("seed").select(pl.sum_horizontal(pl.exclude("seed")).alias("sum"))["sum"].to_numpy()
    values = values[np.isfinite(values)]
    return interval(values) if len(values) else None


def differences(plan: Plan, table: pl.DataFrame) -> pl.DataFrame:
    """All differences and effects of the study, one a row and metric, with the formula of each."""
    rows = []
    for name, question in plan.study.questions.items():
        for contrast in question.contrasts():
            for metric in question.metrics:
                found = summed(table, name, contrast, metric)
                if found is not None:
                    rows.append((name, contrast.name, contrast.formula, metric, *_row(found)))
    names = ("question", "name", "formula", "metric", "mean", "low", "high", "boot_low", "boot_high", "seeds", "values")
    kinds = (*(pl.String,) * 4, *(pl.Float64,) * 5, pl.Int64, pl.List(pl.Float64))
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def _row(found: Interval) -> tuple[Any, ...]:
    ends = (found.low, found.high, found.boot_low, found.boot_high)
    return found.mean, *ends, len(found.values), list(found.values)


def weights(plan: Plan, done: Done) -> pl.DataFrame:
    """What each run's rule ended with, one modality a row.

    Columns: run (its fingerprint), question, cell, network, rule, seed, modality, noise, masked (weight), pair (mean
    weight of its pairs), most_pair (the largest of them), share (of the vectors of complete listings, by the default
    pooling), reliability, memorised (mean D measured on training listings).
    """
    rows = []
    for (question, cell, seed), mark in plan.places.items():
        if mark not in done:
            continue
        result, world = done[mark], plan.runs[mark].world
        pair = np.array(result["weights"]["pair"])
        for modality in world.modalities:
            i = modality.bit
            others = np.array([m.bit for m in world.modalities if m is not modality], dtype=np.int64)
            memorised = np.array(result["strength_train"])[i, others]
            rows.append((
                mark, question, cell, plan.runs[mark].learning.model, plan.runs[mark].learning.rule, seed,
                modality.value, noise(modality, world.strength),
                result["weights"]["masked"][i], _mean(pair[i, others]), float(pair[i, others].max(initial=0)),
                result["share"][i], result["reliability"][i], _mean(memorised),
            ))  # fmt: skip
    names = (
        "run", "question", "cell", "network", "rule", "seed", "modality", "noise", "masked", "pair", "most_pair",
        "share", "reliability", "memorised",
    )  # fmt: skip
    kinds = (*(pl.String,) * 5, pl.Int64, pl.String, pl.Boolean, *(pl.Float64,) * 6)
    return pl.DataFrame(rows, schema=dict(zip(names, kinds, strict=True)), orient="row")


def noise_last(found: pl.DataFrame) -> pl.DataFrame:
    """Of every question, cell and rule with a modality of noise: in how many seeds noise comes last.

    Left out are networks that contrast no vectors of single modalities (those of `m5tools.scale.networks.SHARING` do):
    weights are about nothing there. A run of the others counts whatever came of it.

    Columns: question, cell, rule, places (the modalities of noise), seeds, masked_last, pair_last, share_last (numbers
    of seeds in which every noise modality is below every other one; for pairs, by the mean of a modality's pairs),
    masked_equal, pair_equal, share_equal (whether all modalities weigh the same in every seed), masked, pair, share,
    reliability, memorised (the largest of a noise modality, averaged over seeds).
    """
    keys = ["question", "cell", "rule"]
    measures = ("masked", "pair", "share")
    seen = pl.col("noise")
    a_seed = (
        found.group_by([*keys, "seed"], maintain_order=True)
        .agg(
            (seen.any() & ~seen.all() & pl.col("network").first().is_in(SHARING)).alias("tells"),
            pl.col("modality").filter(seen).str.join(" and ").alias("places"),
            *(pl.col(m).filter(seen).max().alias(f"noise_{m}") for m in measures),
            *(pl.col(m).filter(~seen).min().alias(f"least_{m}") for m in measures),
            *((pl.col(m).max() - pl.col(m).min() < 1e-6).alias(f"{m}_equal") for m in measures),
            *(pl.col(m).filter(seen).max() for m in ("reliability", "memorised")),
        )
        .filter("tells")
    )
    return a_seed.group_by(keys, maintain_order=True).agg(
        pl.col("places").first(),
        pl.len().alias("seeds"),
        *((pl.col(f"noise_{m}") < pl.col(f"least_{m}")).sum().alias(f"{m}_last") for m in measures),
        *(pl.col(f"{m}_equal").all() for m in measures),
        *(pl.col(f"noise_{m}").mean().alias(m) for m in measures),
        pl.col("reliability", "memorised").mean(),
    )


def noise(modality: Modality, strength: dict[Modality, float]) -> bool:
    """Whether a modality tells nothing of the product."""
    return strength.get(modality, STRENGTH[modality]) == 0


def order(found: pl.DataFrame, table: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Rank correlation of the reliability a rule ended with and what each modality achieves alone, a row a run.

    Columns: question, cell, seed, spearman. Runs with fewer than three modalities are left out.
    """
    return (
        _with_alone(found, table, metric)
        .group_by(_RUN, maintain_order=True)
        .agg(pl.corr("reliability", "value", method="spearman").alias("spearman"), pl.len().alias("modalities"))
        .filter(pl.col("modalities") >= 3)
        .drop("modalities")
    )


def pairs_in_order(found: pl.DataFrame, table: pl.DataFrame, clearly: float) -> pl.DataFrame:
    """Of every run the pairs of modalities whose own product mAP@10 differ by `clearly` or more.

    Columns: question, cell, seed, modality, modality_less (of the two the one that achieves less), right (that one is
    also the less reliable).
    """
    each = _with_alone(found, table, "instance@10").select(*_RUN, "modality", "value", "reliability")
    return (
        each.join(each, on=_RUN, suffix="_less", maintain_order="left_right")
        .filter(pl.col("value") - pl.col("value_less") >= clearly)
        .select(*_RUN, "modality", "modality_less", (pl.col("reliability") > pl.col("reliability_less")).alias("right"))
    )


_RUN = ["question", "cell", "seed"]


def _with_alone(found: pl.DataFrame, table: pl.DataFrame, metric: str) -> pl.DataFrame:
    """Weights with a column `value`, what the modality's own vectors achieve."""
    alone = table.filter(pl.col("pooling").str.starts_with("alone "), pl.col("metric") == metric).with_columns(
        pl.col("pooling").str.strip_prefix("alone ").alias("modality")
    )
    return found.join(alone, on=[*_RUN, "modality"], maintain_order="left")


def _mean(values: Any) -> float:
    return float(values.mean()) if len(values) else float("nan")
