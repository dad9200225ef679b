"""Of the products that one meets under keys, the nearest: those with which it shares the most.

A key that many share, or a text that a catalogue uses a hundred times over, leads each product to ever more others as a
dataset grows. What a product is, only the nearest can tell, and these are as many in a dataset of any size. So each
product picks a number of its pairs by the weight of the keys they share, and a pair is compared that either side picks:
the cardinality node pruning of meta-blocking (Papadakis, Koutrika, Palpanas & Nejdl, TKDE 2014), with what is shared as
the weight of an edge. Within a source fewer are picked than beyond it: neighbours of a catalogue are worded alike on
purpose, and the partner at another seller must not be crowded out by them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools.joins.bands import ordered, runs, union

SHARED: Final = {"own": pl.UInt32, "other": pl.UInt32, "weight": pl.UInt32, "elsewhere": pl.Boolean}
"""Pairs, each once for either side, with what they share and whether their sources are two."""
HALF: Final = np.uint64(32)


@dataclass(frozen=True)
class Nearest:
    """Pairs that some products have, and those of them that they pick.

    Attributes:
        own, other: uint32 [n], sorted.
        picked: int64 [k], places of pairs, ascending.
    """

    own: Any
    other: Any
    picked: Any

    @property
    def pairs(self) -> pl.DataFrame:
        """What is picked: columns a < b, distinct, sorted."""
        return union([pl.DataFrame({"a": self.own[self.picked], "b": self.other[self.picked]})])

    @property
    def of_first(self) -> pl.DataFrame:
        """All pairs, less those whose other side comes first: columns a < b, sorted."""
        first = self.own < self.other
        return pl.DataFrame({"a": self.own[first], "b": self.other[first]})


def summed(parts: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """Pairs, each once with all its weight.

    Args:
        parts: columns as of `SHARED` (uint32, uint32, uint32, bool); whether a pair's sources are two is the same
            wherever it stands.

    Returns:
        Columns `SHARED`, sorted by the first two.
    """
    none = (np.empty(0, np.uint32),) * 3 + (np.empty(0, bool),)
    own, other, weight, elsewhere = (np.concatenate(column) for column in zip(none, *parts, strict=True))
    own, other, elsewhere, weight = ordered(own, other, elsewhere.view(np.uint8), weight)
    first = np.flatnonzero(np.append(True, (own[1:] != own[:-1]) | (other[1:] != other[:-1]))[: len(own)])
    total = np.add.reduceat(weight, first) if len(first) else weight
    return shared(own[first], other[first], total, elsewhere[first])


def shared(own: Any, other: Any, weight: Any, elsewhere: Any) -> pl.DataFrame:
    """Arrays as a table of the columns `SHARED`."""
    columns = zip(SHARED, (own, other, weight, elsewhere.view(bool)), strict=True)
    return pl.DataFrame(dict(columns), schema=SHARED)


def collisions(packed: Any, origin: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs that several joins found, with the number of joins that did.

    Args:
        packed: words a << 32 | b, uint64 [n], as of :func:`m5tools.joins.bands.follow`, of all joins; of MinHash bands,
            say. They are sorted where they lie: an array that only this call holds is let go early.
        origin: the source of each row as a number.

    Returns:
        Columns `SHARED`, sorted: pairs as their first rows see them, and as their second rows do.
    """
    packed.sort()
    first, size = runs(packed)
    weight = size.astype(np.uint32)
    del size
    packed = packed[first]
    del first
    a, b = (packed >> HALF).astype(np.uint32), packed.astype(np.uint32)
    del packed
    elsewhere = origin[a] != origin[b]
    back = ordered(b, a, weight, elsewhere.view(np.uint8))
    return shared(a, b, weight, elsewhere), shared(*back)


def most_shared(parts: Sequence[pl.DataFrame], beyond: int, within: int) -> Nearest:
    """Of some products the pairs that share the most.

    Args:
        parts: columns `SHARED`, all pairs of these products.
        beyond: pairs a product with products of other sources; of those that share as much, the next rows, after the
            last row the first: did all pick the first rows, the first partitions would have most of the pairs.
        within: pairs a product with products of its own source.
    """
    every = summed(tuple(part[name].to_numpy() for name in SHARED) for part in parts)
    own, other, weight, elsewhere = (every[name].to_numpy() for name in SHARED)
    first, size = runs(own)
    product = np.repeat(np.arange(len(size)), size)
    earlier = np.bincount(product[other < own], minlength=len(size))
    many = (size > min(beyond, within))[product]
    asked = np.flatnonzero(many)
    product = product[asked]
    turn = asked - (first + earlier)[product]
    turn[turn < 0] += size[product[turn < 0]]
    side = product.astype(np.uint64) << np.uint64(1) | elsewhere[asked]
    side, _, turn = ordered(side, np.iinfo(np.uint32).max - weight[asked], turn)
    product = (side >> np.uint64(1)).astype(np.int64)
    turn += earlier[product]
    asked = first[product] + np.where(turn < size[product], turn, turn - size[product])
    picked = np.append(np.flatnonzero(~many), asked[rank(side) < np.where(side & np.uint64(1), beyond, within)])
    return Nearest(own, other, np.sort(picked))


def rank(ordered: Any) -> Any:
    """The place of each member in its run of equal values."""
    first, size = runs(ordered)
    return np.arange(len(ordered)) - np.repeat(first, size)
