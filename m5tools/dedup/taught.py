"""What agreement is worth in this catalogue, taught by the pairs that identifiers decide.

Where many products carry a GTIN or a brand with part number, these say of thousands of pairs whether they are one
product. How often such pairs share a price, a colour, a material, a category, and how often pairs with two different
GTINs do, is what each of these is worth here; a logistic regression on the pairs that identifiers decide gives the
weights, and judges the pairs of which a side has no identifier (distant supervision, as by Primpeli, Peeters & Bizer,
The WDC training dataset for product matching, 2019). No labels are needed, and where identifiers are few nothing is
taught and nothing judged.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.policy import TaughtRules

_Matrix = np.ndarray[Any, np.dtype[np.float64]]
_STEPS = 50
_ENOUGH = 1e-9
_DIGITS = 4
"""Digits of a chance that are kept: how threads divide a sum shows in the last ones."""
_FAR = 3.0
"""Prices further apart than by this factor tell no more."""
_NEAR = 0.75
"""A price below this share of the other is more than a shop's margin."""
_FACTS = 5
_UNLIKE = 128
"""Bits of 256 in which hashes of unlike pictures differ."""

COLUMNS = (
    "word_score", "letter_score", "whole_score", "contained", "shares_code", "same_family", "same_model", "other_model",
    "same_brand", "other_category", "same_group", "price_ratio", "agreeing", "shared", "agreement", "options_agreeing",
    "varying", "varying_agreeing", "measures_differ", "pictures", "recoloured", "clip", "sound",
)  # fmt: skip
"""The evidence that is weighed."""


def chances(pairs: pl.DataFrame, rules: TaughtRules) -> pl.Series:
    """How likely pairs are one product, by what pairs with identifiers teach.

    Args:
        pairs: sorted by a and b; `COLUMNS` and `identified` (Boolean: identifiers say one product, or two; null where
            they say nothing).
        rules: how many pairs of either kind must teach, and how strongly weights are held back.

    Returns:
        Float64 between 0 and 1, one a pair; null everywhere where too few teach.
    """
    told = pairs["identified"]
    count = int(told.sum() or 0), int((~told).sum() or 0)
    if min(count) < rules.fewest:
        return pl.Series("chance", [None] * pairs.height, dtype=pl.Float64)
    evidence = _evidence(pairs)
    taught = told.is_not_null().to_numpy()
    middle, spread = evidence[taught].mean(axis=0), evidence[taught].std(axis=0)
    scaled = (evidence - middle) / np.where(spread > _ENOUGH, spread, 1)
    scaled = np.column_stack([np.ones(len(scaled)), scaled])
    weights = _fitted(scaled[taught], told.drop_nulls().to_numpy().astype(np.float64), rules.restraint)
    return pl.Series("chance", _chance(scaled @ weights).round(_DIGITS))


def _evidence(pairs: pl.DataFrame) -> _Matrix:
    """One row a pair, one column a kind of evidence; what is not known is what says nothing."""
    apart = -pl.col("price_ratio").clip(1 / _FAR, 1).log()
    known = pl.col("price_ratio").is_not_null()
    differing = pl.col("shared").cast(pl.Int32) - pl.col("agreeing")
    kinds = {
        **{c: pl.col(c) for c in ("word_score", "letter_score", "whole_score", "contained", "agreement")},
        **{c: pl.col(c) for c in ("shares_code", "same_family", "same_model", "other_model", "same_brand", "same_group", "other_category")},
        **{c: pl.col(c) for c in ("pictures", "recoloured", "clip", "sound")},
        "price_known": known,
        "price_apart": pl.when(known).then(apart),
        "price_far": pl.col("price_ratio") < _NEAR,
        "agreeing": pl.col("agreeing").clip(0, _FACTS),
        "differing": differing.clip(0, _FACTS),
        "measures_differ": pl.col("measures_differ").clip(0, _FACTS),
        "options_agreeing": pl.col("options_agreeing").clip(0, _FACTS),
        "options_open": pl.col("same_group") & (pl.col("varying") > pl.col("varying_agreeing")),
        "no_option": pl.col("options_agreeing") == 0,
    }
    columns = pairs.select(column.cast(pl.Float64).fill_null(0).alias(kind) for kind, column in kinds.items())
    return columns.to_numpy()


def _fitted(scaled: _Matrix, told: _Matrix, restraint: float) -> _Matrix:
    """Weights of a logistic regression with a ridge, by Newton's method; the first, of the constant, is free."""
    weights = np.zeros(scaled.shape[1])
    ridge = restraint * np.eye(weights.size)
    ridge[0, 0] = _ENOUGH
    for _ in range(_STEPS):
        chance = _chance(scaled @ weights)
        curve = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + ridge
        step = np.linalg.solve(curve, scaled.T @ (told - chance) - ridge @ weights)
        weights = weights + step
        if np.abs(step).max() < _ENOUGH:
            break
    return weights


def _chance(score: _Matrix) -> _Matrix:
    chance: _Matrix = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
    return chance
