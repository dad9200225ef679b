"""Candidates by rare words: titles that share one of their rarest words, or two of them together.

A model number names a few products, a brand thousands; a brand and a rare word together are rare again. So the rarest
words of each title, alone and by twos, are its keys: a number of keys a product that does not grow with the dataset.
Keys that many titles share tell nothing and are not followed. Of the products found so, those that share the most
weight are compared.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl

from m5tools.dedup.evidence.shingles import ShingleSets
from m5tools.dedup.evidence.vocabulary import Vocabulary
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import union

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FINENESS = 1024
"""Steps of a weight; whole numbers, since a sum of floats may end otherwise by how threads divide the rows."""

KEYS = {"key": pl.UInt64, "row": pl.UInt32, "weight": pl.UInt32}
SLICES = 4
"""Parts into which keys are cut, so that a quarter of them is in memory at once."""


def rare_keys(sets: ShingleSets, words: Vocabulary, policy: ComparePolicy, kind: int = 0) -> pl.DataFrame:
    """The keys of titles.

    Args:
        sets: words of titles, in the order of rows.
        words: of the whole dataset.
        policy: how many words.
        kind: number of the vocabulary; equal places in two of them are no equal keys.

    Returns:
        Columns key, row, weight; words of a single title are no key, for nobody shares them.
    """
    places, rows = words.places(sets)
    shared = words.frequency[places] > 1
    places, rows = places[shared], rows[shared]
    order = np.lexsort((places, words.frequency[places], rows))
    places, rows = places[order], rows[order]
    rank = np.arange(rows.size) - np.searchsorted(rows, rows)
    count = policy.rare_words.words
    rarest = np.full((len(sets.sizes), count), -1, np.int64)
    few = rank < count
    rarest[rows[few], rank[few]] = places[few]
    weights = (words.weights * _FINENESS).astype(np.uint32)
    found = []
    for i, j in [*((i, i) for i in range(count)), *combinations(range(count), 2)]:
        held = np.flatnonzero((rarest[:, i] >= 0) & (rarest[:, j] >= 0))
        one, other = np.minimum(rarest[held, i], rarest[held, j]), np.maximum(rarest[held, i], rarest[held, j])
        key = (one.astype(np.uint64) << np.uint64(32) | other.astype(np.uint64)) * _ODD ^ np.uint64(kind)
        weight = weights[one] if i == j else weights[one] + weights[other]
        if i == j:
            rare = words.frequency[one] <= policy.rare_words.shared_by
            held, key, weight = held[rare], key[rare], weight[rare]
        found.append(pl.DataFrame({"key": key, "row": held.astype(np.uint32), "weight": weight}, schema=KEYS))
    return pl.concat(found)


def slice_of(key: pl.Expr) -> pl.Expr:
    return key // (2**64 // SLICES)


def rare_word_pairs(keyed: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """Pairs that share keys, with the weight they share.

    Args:
        keyed: columns key, row, weight, origin, once.
        policy: largest bucket that is followed.

    Returns:
        Columns a, b, weight; none within a source that lists each product once.
    """
    cap = policy.rare_words.shared_by
    rows = keyed.with_columns(size=pl.len().over("key")).filter(pl.col("size").is_between(2, cap)).sort("key", "row")
    parts = [pl.DataFrame(schema={"a": pl.UInt32, "b": pl.UInt32, "weight": pl.UInt32})]
    for step in range(1, int(rows.select(pl.col("size").max().fill_null(1)).item())):
        after = {name: pl.col(name).shift(-step) for name in ("key", "row", "origin")}
        theirs = ~pl.col("once") | (pl.col("origin") != after["origin"])
        met = rows.select("weight", a="row", b=after["row"], met=(pl.col("key") == after["key"]) & theirs)
        parts.append(met.filter("met").select("a", "b", "weight"))
    return pl.concat(parts).group_by("a", "b").agg(pl.col("weight").sum())


def both_ways(pairs: pl.DataFrame) -> pl.DataFrame:
    """Pairs a, b, weight as own, other, weight: each once for either side, sorted by `own`."""
    sides = (pairs.select(own=own, other=other, weight="weight") for own, other in (("a", "b"), ("b", "a")))
    return pl.concat(sides).sort("own", maintain_order=True)


def most_shared(shared: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """Of some products the pairs that share the most weight.

    Args:
        shared: columns own, other, weight; all pairs of these products, in parts or summed.
        policy: how many pairs a product.

    Returns:
        Columns a, b; distinct, sorted.
    """
    summed = shared.group_by("own", "other").agg(pl.col("weight").sum())
    best = summed.sort("own", "weight", "other", descending=[False, True, False])
    best = best.group_by("own", maintain_order=True).head(policy.rare_words.candidates)
    return union([best.select(a="own", b="other")])
