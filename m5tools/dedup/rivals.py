"""Which of several alike products is the one: candidates judged against their rivals, and a threshold from the data.

How alike two wordings of one product are differs from shop to shop; how alike *different* products are can be seen in
the data. For every pair that is the best of both its sides, the best rival of either side shows what likeness a product
reaches with one that it is not. So the likeness of best pairs is a mixture of true ones and of ones like the rivals
(as in target-decoy estimates of false discoveries; Elias & Gygi, Nature Methods 2007). The share of the latter is read
where likeness is low, and the threshold is where the expected F1 is highest. No labels are needed.

Where two sources list each product once, a product has one partner at most: pairs are taken from the most alike down,
each product once. Elsewhere a product may stand many times; a pair is taken when it is not far behind the best of
either side.

Millions of products have ten times as many pairs. These are passed over part by part, several times; in memory are only
figures of *places* (a product and a source in which it seeks a partner), the best pairs from which the threshold is
found, and of pairs that compete for one partner those that are near. How pairs are cut into parts changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from m5tools.dedup.places import Numbers, Parts, Places, placed
from m5tools.dedup.policy import WordingRules

_Scores = np.ndarray[Any, np.dtype[np.float64]]
_Bools = np.ndarray[Any, np.dtype[np.bool_]]
_Likeness = np.ndarray[Any, np.dtype[np.float32]]
_KINDS: Final = ("often", "once")
_STEPS = 512
_PROVEN = 2.0
"""What is added to the score of a pair that an identifier proves: more than any wording reaches."""
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
        taken: for each part the places of the pairs in it that are one product, ascending.
        wanted: the likeness from which pairs were taken, between sources that list each product once (`once`) and
            elsewhere (`often`); none where there is no such pair, infinity where no likeness tells.
        figures: a row for each place, in their order: best and second (float32: the highest likenesses), lead (float64:
            the highest score); partner (float64: the score of the pair that was taken where a product has one partner,
            null elsewhere) and proven (whether an identifier proves that pair).
    """

    taken: list[np.ndarray[Any, np.dtype[np.int64]]]
    wanted: dict[str, float]
    figures: pl.DataFrame


def chosen(parts: Parts, rules: WordingRules, known: Mapping[str, float] | None = None, before: Parts = ()) -> Chosen:
    """Which pairs are one product by wording.

    Args:
        parts: what :func:`m5tools.dedup.places.placed` gives.
        rules: as there.
        known: likenesses that were found before, which stand; as `Chosen.wanted`.
        before: what earlier pairs, which are not among these, left of places: place and the columns of
            `Chosen.figures`; of one place the last row counts.
    """
    field = _Field(parts, rules, before)
    wanted = {**field.wanted(), **(known or {})}
    taken = field.taken(wanted)
    return Chosen(taken, wanted, field.figures())


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
        pairs: as a part for :func:`m5tools.dedup.places.placed`, at least all pairs of either product of it.
        place: which.
        wanted: the likeness that :func:`chosen` asked for.
        rules: as for :func:`chosen`.
    """
    parts = list(placed([pairs], Places([pairs]), rules))
    one = _Pairs.of(parts[0][place])
    near = one.near(dict.fromkeys(_KINDS, wanted))
    return Standing(bool(near[0]), float(_Field(parts, rules).rival(one)[0]))


class _Pairs(NamedTuple):
    """One part."""

    ends: tuple[Numbers, Numbers]
    likeness: _Likeness
    once: _Bools
    proven: _Bools
    coded: _Bools

    @classmethod
    def of(cls, part: pl.DataFrame) -> _Pairs:
        place, place_b, *columns = (part[name].to_numpy() for name in part.columns)
        return cls((place, place_b), *columns)

    def near(self, wanted: Mapping[str, float]) -> _Bools:
        often, once = (np.float64(wanted.get(kind, np.inf)) for kind in _KINDS)
        near: _Bools = (self.likeness >= np.where(self.once, once, often)) | self.proven | self.coded
        return near


class _Field:
    """Pairs of both kinds (of sources that list each product once, and others) with their rivals."""

    def __init__(self, parts: Parts, rules: WordingRules, before: Parts = ()) -> None:
        self.parts, self.rules = parts, rules
        count = max((1 + _highest(part) for part in parts), default=0)
        self.best, self.second = np.full(count, -np.inf, np.float32), np.zeros(count, np.float32)
        self.lead, self.partner = np.full(count, -np.inf), np.full(count, -np.inf)
        self.proven = np.zeros(count, bool)
        for figures in before:
            place = figures["place"].to_numpy()
            self.best[place], self.second[place] = figures["best"].to_numpy(), figures["second"].to_numpy()
            self.lead[place] = figures["lead"].to_numpy()
            self.partner[place] = figures["partner"].fill_null(-np.inf).to_numpy()
            self.proven[place] = figures["proven"].to_numpy()
        seen = np.flatnonzero(self.best > -np.inf)
        earlier = self.best[seen]
        self._rivals()
        # A new rival takes of the scores of earlier pairs: none has more now than the most alike could.
        rival = np.where(earlier < self.best[seen], self.best[seen], self.second[seen])
        for figure in (self.lead, self.partner):
            figure[seen] = np.minimum(figure[seen], self._scored(earlier, rival))
        for pairs in self:
            score = self.score(pairs)
            for end in pairs.ends:
                np.maximum.at(self.lead, end, score)

    def __iter__(self) -> Iterator[_Pairs]:
        return map(_Pairs.of, self.parts)

    def _rivals(self) -> None:
        """The highest likeness of each place, and the second highest: 0 where there is none."""
        latest = np.zeros(self.best.size, np.uint32)
        for pairs in self:
            for end in pairs.ends:
                before = self.best[end]
                np.maximum.at(self.best, end, pairs.likeness)
                best = self.best[end]
                np.maximum.at(self.second, end, np.where(pairs.likeness < best, pairs.likeness, before))
                # Several of this part that are the best of one place: all but the latest are behind one as high.
                leads = np.flatnonzero(pairs.likeness == best)
                latest[end[leads]] = leads
                again = leads[latest[end[leads]] != leads]
                np.maximum.at(self.second, end[again], best[again])

    def rival(self, pairs: _Pairs) -> _Likeness:
        """The highest likeness of another pair of either product; 0 where there is none."""
        found = np.zeros(pairs.likeness.size, np.float32)
        for end in pairs.ends:
            best = self.best[end]
            np.maximum(found, np.where(pairs.likeness < best, best, self.second[end]), out=found)
        return found

    def score(self, pairs: _Pairs) -> _Scores:
        return self._scored(pairs.likeness, self.rival(pairs))

    def _scored(self, likeness: _Likeness, rival: _Likeness) -> _Scores:
        return likeness.astype(np.float64) + self.rules.margin * (likeness.astype(np.float64) - rival)

    def wanted(self) -> dict[str, float]:
        """The likeness from which pairs of each kind are taken."""
        samples: dict[str, list[tuple[_Likeness, _Likeness]]] = {}
        for pairs in self:
            rival = self.rival(pairs)
            score = self._scored(pairs.likeness, rival)
            best = np.logical_and(*(score >= self.lead[end] for end in pairs.ends))
            for kind, mine in zip(_KINDS, (~pairs.once, pairs.once), strict=True):
                if mine.any():
                    leads = best & mine
                    samples.setdefault(kind, []).append((pairs.likeness[leads], rival[leads & (rival > 0)]))
        return {kind: self._wanted(*map(np.concatenate, zip(*found, strict=True))) for kind, found in samples.items()}

    def _wanted(self, best: _Likeness, rivals: _Likeness) -> float:
        rules = self.rules
        if rivals.size < rules.fewest:
            return rules.threshold
        found = threshold(best.astype(np.float64), rivals.astype(np.float64), rules.precision)
        trust = rivals.size / (rivals.size + rules.fewest)
        return trust * found + (1 - trust) * rules.threshold

    def taken(self, wanted: Mapping[str, float]) -> list[np.ndarray[Any, np.dtype[np.int64]]]:
        """The pairs of each part that are taken."""
        found, alone = [], []
        for number, pairs in enumerate(self):
            score, near = self.score(pairs), pairs.near(wanted)
            close = np.logical_and(*(score >= self.lead[end] - self.rules.band for end in pairs.ends))
            found.append(np.flatnonzero(near & close & ~pairs.once))
            score += _PROVEN * pairs.proven
            taken = ((self.partner[end] + _PROVEN * self.proven[end]) for end in pairs.ends)
            free = np.logical_and(*(score > partner for partner in taken))
            mine = np.flatnonzero(near & pairs.once & free)
            if mine.size:
                ends, part = np.stack([end[mine] for end in pairs.ends]), np.full(mine.size, number, np.uint32)
                alone.append((ends, score[mine], pairs.proven[mine], part, mine))
        if alone:
            ends, score, proven, part, mine = (np.concatenate(each, axis=-1) for each in zip(*alone, strict=True))
            partners = _one_to_one(ends, score)
            self.partner[ends[:, partners]] = (score - _PROVEN * proven)[partners]
            self.proven[ends[:, partners]] = proven[partners]
            mine, part = mine[partners], part[partners]
            bounds = np.searchsorted(part, np.arange(len(found) + 1))
            for number, (first, beyond) in enumerate(pairwise(bounds)):
                found[number] = np.sort(np.concatenate([found[number], mine[first:beyond]]))
        return found

    def figures(self) -> pl.DataFrame:
        partner = pl.Series(np.where(np.isinf(self.partner), np.nan, self.partner), nan_to_null=True)
        figures = {"best": self.best, "second": self.second, "lead": self.lead, "partner": partner}
        return pl.DataFrame({**figures, "proven": self.proven})


def _highest(part: pl.DataFrame) -> int:
    """The highest place in a part; -1 where it holds no pair."""
    return int(part.select(pl.max_horizontal("place", "place_b").max()).item()) if part.height else -1


def _one_to_one(ends: Numbers, score: _Scores) -> _Bools:
    """Pairs from the highest score down, each place once: in rounds of pairs that are the best of both sides.

    Ties go to the pair of the products that come first, so every round takes at least one pair.
    """
    ends = np.unique(ends, return_inverse=True)[1].reshape(ends.shape).astype(np.uint32)
    count = 1 + int(ends.max())
    order = np.lexsort((ends[1], ends[0], -score))
    rank = np.empty(score.size, np.int64)
    rank[order] = np.arange(score.size)
    left = np.arange(score.size)
    taken = np.zeros(score.size, bool)
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
