"""Candidates by rare words: titles that share one of their rarest words, or two of them together.

A model number names a few products, a brand thousands; a brand and a rare word together are rare again. So the rarest
words of each title, alone and by twos, are its keys: a number of keys a product that does not grow with the dataset.
Keys that many titles share tell nothing and are not followed. Of the products found so, those that share the most
weight are compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.evidence.shingles import ShingleSets
from m5tools.dedup.evidence.vocabulary import Vocabulary
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import by_key, following, runs, union

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FINENESS = 1024
"""Steps of a weight; whole numbers, since a sum of floats may end otherwise by how threads divide the rows."""

_HALF = np.uint64(32)

SHARED = {"own": pl.UInt32, "other": pl.UInt32, "weight": pl.UInt32}
KEYS = {"key": pl.UInt64, "row": pl.UInt32, "weight": pl.UInt32}
_FEWEST_SLICES = 4
_PARTITIONS_A_SLICE = 16


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
    rank = _rank(rows)
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


def slices_of(partitions: int) -> int:
    """Into how many slices keys are cut, so that the memory that one takes does not grow with the dataset."""
    return max(_FEWEST_SLICES, partitions // _PARTITIONS_A_SLICE)


def slice_of(key: pl.Expr, slices: int) -> pl.Expr:
    """In which slice a key is."""
    return key // (2**64 // slices + 1)


def rare_word_pairs(keyed: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """Pairs that share keys, with the weight they share.

    Args:
        keyed: columns key, row, weight, origin, once.
        policy: largest bucket that is followed.

    Returns:
        Columns own, other, weight, sorted by the first two: each pair once for either side; none within a source that
        lists each product once.
    """
    keys = keyed["key"].to_numpy()
    order = by_key(keys)
    first, size = runs(keys[order])
    followed = (size > 1) & (size <= policy.rare_words.shared_by)
    row, weight, origin, once = (keyed[name].to_numpy()[order] for name in ("row", "weight", "origin", "once"))
    pairs, weights = [], []
    for place, later in following(first[followed], size[followed], policy.rare_words.shared_by):
        theirs = ~once[place] | (origin[place] != origin[later])
        one, other = row[place[theirs]].astype(np.uint64), row[later[theirs]].astype(np.uint64)
        pairs += [one << _HALF | other, other << _HALF | one]
        weights += [weight[place[theirs]]] * 2
    return _summed(pairs, weights)


def most_shared(parts: Sequence[pl.DataFrame], policy: ComparePolicy) -> pl.DataFrame:
    """Of some products the pairs that share the most weight.

    Args:
        parts: as :func:`rare_word_pairs` gives them, all pairs of these products.
        policy: how many pairs a product.

    Returns:
        Columns a, b; distinct, sorted.
    """
    pairs = (part["own"].to_numpy().astype(np.uint64) << _HALF | part["other"].to_numpy() for part in parts)
    summed = _summed(pairs, (part["weight"].to_numpy() for part in parts))
    own, other, weight = (summed[name].to_numpy() for name in ("own", "other", "weight"))
    _, size = runs(own)
    many = np.repeat(size > policy.rare_words.candidates, size)
    asked = np.flatnonzero(many)
    asked = asked[np.lexsort((-weight[asked].astype(np.int64), own[asked]))]
    kept = np.append(np.flatnonzero(~many), asked[_rank(own[asked]) < policy.rare_words.candidates])
    return union([pl.DataFrame({"a": own[kept], "b": other[kept]})])


def _summed(pairs: Iterable[Any], weights: Iterable[Any]) -> pl.DataFrame:
    """Pairs, packed as words own << 32 | other, each once with all its weight, sorted."""
    packed = np.concatenate([np.empty(0, np.uint64), *pairs])
    order = np.argsort(packed)
    packed, each = packed[order], np.concatenate([np.empty(0, np.uint32), *weights])[order]
    first, _ = runs(packed)
    total = np.add.reduceat(each, first) if len(first) else each
    found = packed[first]
    columns = {"own": (found >> _HALF).astype(np.uint32), "other": found.astype(np.uint32), "weight": total}
    return pl.DataFrame(columns, schema=SHARED)


def _rank(own: Any) -> Any:
    """The place of each member in its run."""
    first, size = runs(own)
    return np.arange(len(own)) - np.repeat(first, size)
