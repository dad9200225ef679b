"""Candidates by rare words: titles that share one of their rarest words, or two of them together.

A model number names a few products, a brand thousands; a brand and a rare word together are rare again. So the rarest
words of each title, alone and by twos, are its keys: a number of keys a product that does not grow with the dataset.
Keys that many titles share tell nothing and are not followed. Of the products found so, those that share the most
weight are compared (:mod:`m5tools.dedup.evidence.nearest`).
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import polars as pl

from m5tools.dedup.evidence.nearest import rank, summed
from m5tools.dedup.evidence.shingle_sets import ShingleSets
from m5tools.dedup.evidence.vocabulary import Vocabulary
from m5tools.dedup.policy import ComparePolicy
from m5tools.joins.bands import by_key, following, runs

_ODD = np.uint64(0x9E3779B97F4A7C15)
_FINENESS = 1024
"""Steps of a weight; whole numbers, since a sum of floats may end otherwise by how threads divide the rows."""

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
    place = rank(rows)
    count = policy.rare_words.words
    rarest = np.full((len(sets.sizes), count), -1, np.int64)
    few = place < count
    rarest[rows[few], place[few]] = places[few]
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


def slice_of(keys: pl.Series, slices: int) -> pl.Series:
    """In which slice each key is. (Of 16 bits: such numbers NumPy sorts in one pass.)"""
    return (keys // (2**64 // slices + 1)).cast(pl.UInt16)


def rare_word_pairs(keyed: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """Pairs that share keys, with the weight they share.

    Args:
        keyed: columns key, row, weight, origin, once.
        policy: largest bucket that is followed.

    Returns:
        As of :func:`m5tools.dedup.evidence.nearest.summed`: each pair once for either side; none within a source that
        lists each product once.
    """
    keys = keyed["key"].to_numpy()
    order = by_key(keys)
    first, size = runs(keys[order])
    followed = (size > 1) & (size <= policy.rare_words.shared_by)
    row, weight, origin, once = (keyed[name].to_numpy()[order] for name in ("row", "weight", "origin", "once"))
    found = []
    for place, later in following(first[followed], size[followed], policy.rare_words.shared_by):
        elsewhere = origin[place] != origin[later]
        theirs = ~once[place] | elsewhere
        one, other, shared = row[place[theirs]], row[later[theirs]], weight[place[theirs]]
        found += [(one, other, shared, elsewhere[theirs]), (other, one, shared, elsewhere[theirs])]
    return summed(found)
