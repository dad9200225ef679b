"""What agreement is worth in this catalogue, taught by the pairs that identifiers decide.

Where many products carry a GTIN or a brand with part number, these say of thousands of pairs whether they are one
product, and item groups say of as many whether they are one family. How often such pairs share a price, a colour, a
material, a category, and how often pairs with two GTINs or two groups do, is what each of these is worth here. A
logistic regression on the pairs that are decided gives the weights, and judges those that are not (distant
supervision; identifiers teach so in Primpeli, Peeters & Bizer, The WDC Training Dataset and Gold Standard for
Large-Scale Product Matching, 2019). No labels are needed; where identifiers are few, nothing is taught and nothing
judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools.dedup.policy import TaughtRules

_Matrix = np.ndarray[Any, np.dtype[np.float64]]
_STEPS: Final = 50
_ENOUGH: Final = 1e-9
_DIGITS: Final = 4
"""Digits of a chance that are kept: how machines add up shows in the last ones."""
_WEIGHT_DIGITS: Final = 6
"""Digits of a weight that are kept: how threads divide the sums behind it shows in the last ones."""
_FAR: Final = 3.0
"""Prices further apart than by this factor tell no more."""
_NEAR: Final = 0.75
"""A price below this share of the other is more than a shop's margin."""
_UNLIKE: Final = 128
"""Bits of 256 in which the hashes of unlike pictures differ."""
_MOST: Final = 5
"""Facts beyond so many tell no more."""

_SAID: Final = ("word_score", "letter_score", "whole_score", "contained", "agreement")
_MAKERS: Final = ("shares_code", "same_family", "same_model", "other_model")
_PLACED: Final = ("same_brand", "other_category", "same_offerer")
_SHOWN: Final = ("pictures", "recoloured", "clip", "sound")
_COUNTED: Final = ("agreeing", "measures_differ", "options_agreeing")

FAMILY: Final = (
    *_SAID, *_PLACED, *_SHOWN, *_COUNTED, "differing", "no_option", "price_known", "price_apart", "price_far",
    "resemblance", "coloured_alike", "no_picture",
)  # fmt: skip
"""Kinds of evidence for one family: not the groups and models that teach it."""
PRODUCT: Final = (*FAMILY, *_MAKERS, "same_group", "one_group", "options_open")
"""Kinds of evidence for one product."""
COLUMNS: Final = (
    *_SAID, *_MAKERS, *_PLACED, *_SHOWN, *_COUNTED, "same_group", "price_ratio", "shared", "varying",
    "varying_agreeing", "picture_distance", "colour_overlap", "one_group",
)  # fmt: skip
"""What these are made from."""


@dataclass(frozen=True)
class Question:
    """What can be taught.

    Attributes:
        asked: which pairs it is about.
        decided: what identifiers say of a pair; null where they say nothing.
        kinds: of evidence that tell.
    """

    asked: pl.Expr
    decided: pl.Expr
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Taught:
    """What each kind of evidence is worth.

    Attributes:
        kinds: names, in order.
        middle, spread: of each among the pairs that taught.
        weights: of the constant, and of each kind when scaled by these.
    """

    kinds: tuple[str, ...]
    middle: tuple[float, ...]
    spread: tuple[float, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not set(self.kinds) <= set(PRODUCT):
            raise ValueError("a lesson is about kinds of evidence that there are not")
        if not len(self.middle) == len(self.spread) == len(self.weights) - 1 == len(self.kinds):
            raise ValueError("a lesson has not one number for each kind of evidence")

    def chances(self, pairs: pl.DataFrame) -> pl.Series:
        """How likely pairs are what was taught.

        Args:
            pairs: `COLUMNS`.

        Returns:
            `chance`, float64 between 0 and 1, one a pair.
        """
        scaled = (_evidence(pairs, self.kinds) - np.array(self.middle)) / np.array(self.spread)
        # Not `@`, whose sums threads divide.
        score = np.einsum("ij,j->i", _with_constant(scaled), np.array(self.weights))
        return pl.Series("chance", _chance(score).round(_DIGITS))


def examples(parts: Iterable[pl.LazyFrame], question: Question, rules: TaughtRules) -> pl.DataFrame:
    """Pairs that identifiers decide; where they are more than may teach, every second, third or later one.

    Args:
        parts: judged pairs, in an order that depends on the products alone; they are gone through twice.
        question: what is asked.
        rules: how many pairs may teach.

    Returns:
        `COLUMNS` and `decided`.
    """
    scans = [part.filter(question.asked, question.decided.is_not_null()) for part in parts]
    counts = [scan.select(pl.len()).collect().item() for scan in scans]
    every, before, found = 1 + sum(counts) // rules.most, 0, []
    for scan, count in zip(scans, counts, strict=True):
        if count:
            known = scan.select(*COLUMNS, decided=question.decided).collect()
            found.append(known.gather_every(every, offset=-before % every))
        before += count
    none = scans[0].select(*COLUMNS, decided=question.decided).head(0).collect()
    return pl.concat([none, *found])


def teach(pairs: pl.DataFrame, kinds: Sequence[str], rules: TaughtRules) -> Taught | None:
    """Weights from pairs that are decided.

    Args:
        pairs: `COLUMNS` and `decided` (Boolean); in an order that depends on the products alone.
        kinds: of evidence.
        rules: how many pairs of either kind must teach, and how strongly weights are held back.

    Returns:
        None where too few teach.
    """
    told = pairs["decided"].to_numpy()
    if min(int(told.sum()), int((~told).sum())) < rules.fewest:
        return None
    evidence = _evidence(pairs, kinds)
    middle, spread = evidence.mean(axis=0), evidence.std(axis=0)
    spread = np.where(spread > _ENOUGH, spread, 1.0)
    weights = _fitted(_with_constant((evidence - middle) / spread), told.astype(np.float64), rules.restraint)
    weights = weights.round(_WEIGHT_DIGITS)
    return Taught(tuple(kinds), *(tuple(map(float, values)) for values in (middle, spread, weights)))


def _evidence(pairs: pl.DataFrame, kinds: Sequence[str]) -> _Matrix:
    """One row a pair, one column a kind of evidence; what is not known counts as what says nothing."""
    ratio, shared = pl.col("price_ratio"), pl.col("shared")
    near = (1 - pl.col("picture_distance").cast(pl.Float64) / _UNLIKE).clip(0, 1)
    made = {
        "price_known": ratio.is_not_null(),
        "price_apart": -ratio.clip(1 / _FAR, 1).log(),
        "price_far": ratio < _NEAR,
        "differing": (shared - pl.col("agreeing")).clip(0, _MOST),
        "resemblance": near,
        "coloured_alike": near * pl.col("colour_overlap"),
        "no_picture": pl.col("picture_distance").is_null(),
        "no_option": pl.col("options_agreeing") == 0,
        "options_open": pl.col("same_group") & (pl.col("varying") > pl.col("varying_agreeing")),
        **{kind: pl.col(kind).clip(0, _MOST) for kind in _COUNTED},
    }
    columns = (made.get(kind, pl.col(kind)).cast(pl.Float64).fill_null(0).alias(kind) for kind in kinds)
    return pairs.select(*columns).to_numpy()


def _with_constant(scaled: _Matrix) -> _Matrix:
    return np.column_stack([np.ones(len(scaled)), scaled])


def _fitted(scaled: _Matrix, told: _Matrix, restraint: float) -> _Matrix:
    """Weights of a logistic regression with a ridge, by Newton's method; the first, of the constant, is free."""
    weights = np.zeros(scaled.shape[1])
    ridge = restraint * np.eye(weights.size)
    ridge[0, 0] = _ENOUGH

    def cost(weights: _Matrix) -> float:
        score = scaled @ weights
        return float((np.logaddexp(0, score) - told * score).sum() + weights @ ridge @ weights / 2)

    here = cost(weights)
    for _ in range(_STEPS):
        chance = _chance(scaled @ weights)
        curve = (scaled * (chance * (1 - chance))[:, None]).T @ scaled + ridge
        step = np.linalg.solve(curve, scaled.T @ (told - chance) - ridge @ weights)
        # Where evidence nearly separates the pairs, a whole step overshoots and the next one farther.
        while (there := cost(weights + step)) > here and np.abs(step).max() >= _ENOUGH:
            step /= 2
        weights, here = weights + step, there
        if np.abs(step).max() < _ENOUGH:
            break
    return weights


def _chance(score: _Matrix) -> _Matrix:
    chance: _Matrix = 1 / (1 + np.exp(-np.clip(score, -30, 30)))
    return chance
