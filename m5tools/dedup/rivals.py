"""Which of several alike products is the one: candidates judged against their rivals, and a threshold from the data.

How alike two wordings of one product are differs from shop to shop; how alike *different* products are can be seen in
the data. For every pair that is the best of both its sides, the best rival of either side shows what likeness a product
reaches with one that it is not. So the likeness of best pairs is a mixture of true ones and of ones like the rivals
(as in target-decoy estimates of false discoveries; Elias & Gygi, Nature Methods 2007). The share of the latter is read
where likeness is low, and the threshold is where the expected F1 is highest. No labels are needed.

Where two sources list each product once, a product has one partner at most: pairs are taken from the most alike down,
each product once. Elsewhere a product may stand many times; a pair is taken when it is not far behind the best of
either side.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from m5tools.dedup.policy import WordingRules

_Scores = np.ndarray[Any, np.dtype[np.float64]]
_Bools = np.ndarray[Any, np.dtype[np.bool_]]
_Places = np.ndarray[Any, np.dtype[np.int32]]
_STEPS = 512
_SEEN = 0.1
"""Share of rivals that must lie below a likeness before the share of false pairs is read there."""


def threshold(best: _Scores, rivals: _Scores, precision: float) -> float:
    """The likeness from which best pairs are taken: highest expected F1 at the expected precision that is wanted.

    Args:
        best: likeness of pairs that are the best of both sides.
        rivals: likeness of the better rival of those that have one.
        precision: least share of taken pairs that must be true; where none reaches it, nothing is taken (infinity).
    """
    steps = np.linspace(min(best.min(), rivals.min()), max(best.max(), rivals.max()), _STEPS)
    above, rivals_above = (1 - np.searchsorted(np.sort(s), steps) / len(s) for s in (best, rivals))
    seen = 1 - rivals_above >= _SEEN
    false = min(1.0, float(np.min((1 - above[seen]) / (1 - rivals_above[seen]), initial=1.0)))
    true = np.clip(above - false * rivals_above, 0, 1 - false)
    expected = 2 * true / (above + 1 - false + 1e-12)
    right = true >= precision * np.maximum(above, 1e-12)
    if not right.any():
        return float("inf")
    return float(steps[int(np.argmax(np.where(right, expected, -1)))])


class Chosen(NamedTuple):
    """What was chosen.

    Attributes:
        taken: boolean, one a pair.
        wanted: the likeness from which pairs were taken, between sources that list each product once (`once`) and
            elsewhere (`often`); none where there is no such pair, infinity where no likeness tells.
    """

    taken: pl.Series
    wanted: dict[str, float]


def chosen(pairs: pl.DataFrame, rules: WordingRules) -> Chosen:
    """Which pairs are one product by wording.

    Args:
        pairs: sorted by a and b; columns a, b (rows), likeness (float), origin and origin_b (numbers of sources), once
            and once_b (whether these list each product once), shares_code, proven (an identifier says so: goes first
            where a product has one partner).
        rules: margin, band, thresholds.
    """
    found = np.zeros(pairs.height, bool)
    wanted: dict[str, float] = {}
    declared = (pairs["once"] & pairs["once_b"]).to_numpy()
    for where, kind in ((declared, "once"), (~declared, "often")):
        mine = pairs.filter(pl.Series(where))
        if mine.height:
            field = _Field(mine, rules)
            wanted[kind] = field.wanted()
            found[where] = field.taken(wanted[kind], once=kind == "once")
    return Chosen(pl.Series("chosen", found), wanted)


class Standing(NamedTuple):
    """Where one pair stands among its rivals.

    Attributes:
        near: whether its wording is near enough, or an identifier proves it.
        rival: the highest likeness of another pair of either product in the other's source; 0 where there is none.
    """

    near: bool
    rival: float


def standing(pairs: pl.DataFrame, place: int, wanted: float, rules: WordingRules) -> Standing:
    """Where the pair at a place stands.

    Args:
        pairs: as for :func:`chosen`, at least all pairs of either product of it.
        place: which.
        wanted: the likeness that :func:`chosen` asked for.
        rules: as for :func:`chosen`.
    """
    field = _Field(pairs, rules)
    return Standing(bool(field.near(wanted)[place]), float(field.rival[place]))


class _Field:
    """Pairs of one kind (of sources that list each product once, or others) with their rivals."""

    def __init__(self, pairs: pl.DataFrame, rules: WordingRules) -> None:
        self.rules = rules
        self.ends = _ends(pairs)
        self.likeness: _Scores = pairs["likeness"].fill_null(0).to_numpy().astype(float)
        self.proven, self.codes = pairs["proven"].to_numpy(), pairs["shares_code"].to_numpy()
        self.rival = _best_rival(self.ends, self.likeness)
        self.score = self.likeness + rules.margin * (self.likeness - self.rival)
        self.lead = _best(self.ends, self.score)

    def wanted(self) -> float:
        rules, best = self.rules, (self.score >= self.lead[self.ends]).all(axis=0)
        contested = best & (self.rival > 0)
        count = int(np.count_nonzero(contested))
        if count < rules.fewest:
            return rules.threshold
        found = threshold(self.likeness[best], self.rival[contested], rules.precision)
        trust = count / (count + rules.fewest)
        return trust * found + (1 - trust) * rules.threshold

    def near(self, wanted: float) -> _Bools:
        # A shared number alone is no code: the rest of the wording must carry the pair.
        coded = self.codes & (self.likeness - self.rules.weights.code >= self.rules.threshold)
        near: _Bools = (self.likeness >= wanted) | self.proven | coded
        return near

    def taken(self, wanted: float, once: bool) -> _Bools:
        near = self.near(wanted)
        if once:
            return _one_to_one(self.ends, self.score + 2.0 * self.proven, near)
        close: _Bools = np.all(self.score >= self.lead[self.ends] - self.rules.band, axis=0)
        return near & close


def _ends(pairs: pl.DataFrame) -> _Places:
    """Both sides of pairs as places [2, pairs]: one place for a product and a source in which it seeks a partner."""
    sides = [
        pairs[row].to_numpy().astype(np.uint64) << np.uint64(16) | pairs[other].to_numpy().astype(np.uint64)
        for row, other in (("a", "origin_b"), ("b", "origin"))
    ]
    codes = np.unique(np.concatenate(sides))
    return np.stack([np.searchsorted(codes, side).astype(np.int32) for side in sides])


def _best(ends: _Places, score: _Scores) -> _Scores:
    """The highest score of each place."""
    best: _Scores = np.full(int(ends.max()) + 1, -np.inf)
    for side in ends:
        np.maximum.at(best, side, score)
    return best


def _best_rival(ends: _Places, score: _Scores) -> _Scores:
    """For each pair the highest score of another pair of either of its products; 0 where there is none."""
    best, pairs = _best(ends, score), np.arange(score.size, dtype=np.int32)
    best_pair = np.full(best.size, score.size, np.int32)
    for side in ends:
        leads = score == best[side]
        np.minimum.at(best_pair, side[leads], pairs[leads])
    runner_up, found = np.zeros(best.size), np.zeros(score.size)
    for side in ends:
        behind = best_pair[side] != pairs
        np.maximum.at(runner_up, side[behind], score[behind])
    for side in ends:
        np.maximum(found, np.where(best_pair[side] == pairs, runner_up[side], best[side]), out=found)
    return found


def _one_to_one(ends: _Places, score: _Scores, near: _Bools) -> _Bools:
    """Pairs from the highest score down, each product once: in rounds of pairs that are the best of both sides.

    Ties go to the pair that comes first, so every round takes at least one pair.
    """
    order = np.lexsort((np.arange(score.size), -score))
    rank = np.empty(score.size, np.int64)
    rank[order] = np.arange(score.size)
    left = np.flatnonzero(near)
    taken = np.zeros(score.size, bool)
    count = int(ends.max()) + 1
    while left.size:
        first = np.full(count, score.size)
        for side in ends:
            np.minimum.at(first, side[left], rank[left])
        best = (first[ends[0][left]] == rank[left]) & (first[ends[1][left]] == rank[left])
        taken[left[best]] = True
        gone = np.zeros(count, bool)
        gone[ends[:, left[best]].ravel()] = True
        left = left[~(gone[ends[0][left]] | gone[ends[1][left]])]
    return taken
