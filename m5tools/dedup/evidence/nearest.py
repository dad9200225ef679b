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

from m5tools.joins.bands import Joined, runs, union

SHARED: Final = {"own": pl.UInt32, "other": pl.UInt32, "weight": pl.UInt32, "elsewhere": pl.Boolean}
"""Pairs, each once for either side, with what they share and whether their sources are two."""
HALF: Final = np.uint64(32)


_WEIGHT: Final = np.uint64(31)
_MOST: Final = np.uint64(2**31 - 1)
"""Of a weight, in a word with the row and the side."""


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


def summed(pairs: Iterable[Any], weights: Iterable[Any], elsewhere: Iterable[Any]) -> pl.DataFrame:
    """Pairs, each once with all its weight.

    Args:
        pairs: uint64 words own << 32 | other.
        weights: uint32, of each.
        elsewhere: bool, of each.

    Returns:
        Columns `SHARED`, sorted by the first two.
    """
    packed = np.concatenate([np.empty(0, np.uint64), *pairs])
    order = np.argsort(packed)
    packed, each = packed[order], np.concatenate([np.empty(0, np.uint32), *weights])[order]
    first, _ = runs(packed)
    total = np.add.reduceat(each, first) if len(first) else each
    found = packed[first]
    columns = {
        "own": (found >> HALF).astype(np.uint32),
        "other": found.astype(np.uint32),
        "weight": total,
        "elsewhere": np.concatenate([np.empty(0, bool), *elsewhere])[order[first]],
    }
    return pl.DataFrame(columns, schema=SHARED)


def collisions(joins: Sequence[Joined], origin: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs that several joins found, with the number of joins that did.

    Args:
        joins: of MinHash bands, say.
        origin: the source of each row as a number.

    Returns:
        Columns `SHARED`, sorted: pairs as their first rows see them, and as their second rows do.
    """
    packed = np.concatenate([_packed(join.pairs["a"], join.pairs["b"]) for join in joins])
    packed.sort()
    first, count = runs(packed)
    a, b = (packed[first] >> HALF).astype(np.uint32), packed[first].astype(np.uint32)
    columns = {"weight": count.astype(np.uint32), "elsewhere": origin[a] != origin[b]}
    seen = pl.DataFrame({"own": a, "other": b, **columns}, schema=SHARED)
    order = np.argsort(_packed(b, a))
    return seen, seen.select(own="other", other="own", weight="weight", elsewhere="elsewhere")[order]


def most_shared(parts: Sequence[pl.DataFrame], beyond: int, within: int) -> Nearest:
    """Of some products the pairs that share the most.

    Args:
        parts: columns `SHARED`, all pairs of these products.
        beyond: pairs a product with products of other sources; of those that share as much, the first rows.
        within: pairs a product with products of its own source.
    """
    every = summed(
        (_packed(part["own"], part["other"]) for part in parts),
        (part["weight"].to_numpy() for part in parts),
        (part["elsewhere"].to_numpy() for part in parts),
    )
    own, other, weight, elsewhere = (every[name].to_numpy() for name in SHARED)
    _, size = runs(own)
    many = np.repeat(size > min(beyond, within), size)
    asked = np.flatnonzero(many)
    side = own[asked].astype(np.uint64) << np.uint64(1) | elsewhere[asked]
    order = np.argsort(side << _WEIGHT | _MOST - np.minimum(weight[asked], _MOST), kind="stable")
    asked, side = asked[order], side[order]
    picked = np.append(np.flatnonzero(~many), asked[rank(side) < np.where(elsewhere[asked], beyond, within)])
    return Nearest(own, other, np.sort(picked))


def rank(ordered: Any) -> Any:
    """The place of each member in its run of equal values."""
    first, size = runs(ordered)
    return np.arange(len(ordered)) - np.repeat(first, size)


def _packed(own: Any, other: Any) -> Any:
    return np.asarray(own).astype(np.uint64) << HALF | np.asarray(other)
