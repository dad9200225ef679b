"""The part of a study's page that is about single modalities: where noise comes, and the order of the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools.study import results
from m5tools.study.table import markdown

DEFAULT_RULE: Final = "harmonized"

NOISE: Final = """\
## Where noise comes

In how many seeds every noise modality came below every other one: in the mean weight of its contrastive pairs, in the
weight of its masked task, and in the share of the vectors of complete listings (the default pooling, whatever it was
trained with). Then the largest of a noise modality, averaged over seeds; weights average 1, shares 0.2. Reliability is
measured on calibration listings; *D in training* is the mean D on listings trained on, where noise is memorised.
Networks that contrast no modalities with each other (all but `SCALE` and `pairwise contrast`) are left out; of
the others every run counts, whatever came of it. A run that several questions ask for is counted once, with the first.
"""

_FAMILIES: Final = ("pair", "masked", "share")


def where_noise_comes(weights: pl.DataFrame) -> str:
    """Of the default rule by place of the noise, then of every other rule."""
    found = results.noise_last(weights.unique(["run", "modality"], keep="first", maintain_order=True))
    if found.is_empty():
        return ""
    default = found.filter(pl.col("rule") == DEFAULT_RULE)
    parts = [NOISE, f"### The default rule, by place of the noise\n\n{_by_place(default)}"] if len(default) else [NOISE]
    return "\n".join([*parts, f"### Every cell\n\n{_cells(found)}"])


def _by_place(found: pl.DataFrame) -> str:
    """Of all questions together."""
    sums = found.group_by("places", maintain_order=True).agg(
        pl.len().alias("cells"), pl.col("seeds").sum(), *(pl.col(f"{m}_last").sum() for m in _FAMILIES)
    )
    rows = [
        [row["places"], str(row["cells"]), *(f"{row[f'{m}_last']} of {row['seeds']}" for m in _FAMILIES)]
        for row in sums.to_dicts()
    ]
    return markdown(["noise", "cells", "pairs last", "masked last", "share last"], rows)


def _cells(found: pl.DataFrame) -> str:
    rows = [
        [
            f"{row['question']}: {row['cell']}", row["rule"], row["places"], *(_last(row, m) for m in _FAMILIES),
            *(f"{row[m]:.2f}" for m in (*_FAMILIES, "reliability", "memorised")),
        ]
        for row in found.to_dicts()
    ]  # fmt: skip
    head = ["cell", "trained with", "noise", "pairs last", "masked last", "share last"]
    return markdown([*head, "pairs", "masked", "share", "reliability", "D in training"], rows)


def _last(row: dict[str, Any], family: str) -> str:
    return "all equal" if row[f"{family}_equal"] else f"{row[f'{family}_last']} of {row['seeds']}"


def learned_order(weights: pl.DataFrame, table: pl.DataFrame) -> str:
    """Rank correlation of reliability and what each modality achieves alone, by cell."""
    rows = []
    for metric in ("probe", "instance@10"):
        found = results.order(weights, table, metric).drop_nulls("spearman").drop_nans("spearman")
        for group in found.partition_by("question", "cell", maintain_order=True):
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
