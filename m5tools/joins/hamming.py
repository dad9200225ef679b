"""Pairs of hashes within a Hamming distance, in time linear in the hashes, complete but for the recall asked for.

Sampled bits (Indyk & Motwani, "Approximate nearest neighbors", STOC 1998): a table keyed by k random bits brings two
hashes at distance d together with probability near (1 − d/256)ᵏ; k grows with the logarithm of the pool, so that a
bucket holds about one stranger, and the number of tables follows from the recall. Bits are drawn over the whole hash:
those of PDQ that lie side by side belong to neighbouring frequencies, and slices of a hash would tell unequally much.

A table costs a masked multiplication, a sort of 64-bit words and a pass over its buckets; every pair is verified. It
holds 8 bytes a hash and some blocks of constant size, whatever the pool; the hashes are only read, so they may lie in a
mapped file.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.joins.bands import PAIR, Joined

Hashes = npt.NDArray[np.uint8]
Words = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

BITS: Final = 256
WINDOW: Final = 64
"""How many hashes behind it in its bucket each is compared with."""
_FEWEST_BITS: Final = 12
_SEED: Final = 7
_BLOCK: Final = 2**20
"""Hashes, or pairs of them, that are worked on together: some 64 MB."""
_AT_ONCE: Final = 2**22
"""Pairs found that are held before doubles are dropped."""
_LOW: Final = np.uint64(2**32 - 1)
_HALF: Final = np.uint64(32)


def near(hashes: Hashes, distance: int, recall: float, cap: int, asked: npt.NDArray[np.bool_] | None = None) -> Joined:
    """Pairs of hashes within a distance.

    Args:
        hashes: uint8 [n, 32], distinct rows, fewer than 2³².
        distance: bits in which two may differ, at most.
        recall: share of the pairs at that very distance that is found; nearer ones are found more surely.
        cap: largest bucket that is followed.
        asked: bool [n]; only pairs with one of these are wanted. None: all.

    Returns:
        Pairs of rows; `hubs` are the buckets above the cap of the table that has most of them, and `hub_rows` what is
        in these.
    """
    count = len(hashes)
    width, tables = plan(count, distance, recall)
    words = np.ascontiguousarray(hashes).view(np.uint64).reshape(count, BITS // 64)
    draw = np.random.default_rng(_SEED)
    found = _Found()
    hubs = hub_rows = 0
    for _ in range(tables):
        crowds = crowded = 0
        for rows, starts, sizes in _buckets(_packed(words, *_mask(draw, width))):
            large = sizes > cap
            crowds += int(large.sum())
            crowded += int(sizes[large].sum())
            found.add(_verified(words, rows, starts[~large], sizes[~large], distance, asked))
        if crowds >= hubs:
            hubs, hub_rows = crowds, max(hub_rows if crowds == hubs else 0, crowded)
    pairs = found.distinct()
    columns = {"a": (pairs >> _HALF).astype(np.uint32), "b": (pairs & _LOW).astype(np.uint32)}
    return Joined(pl.DataFrame(columns, schema=PAIR), hubs, hub_rows)


def plan(count: int, distance: int, recall: float) -> tuple[int, int]:
    """Bits of a key and number of tables for so many hashes."""
    width = max(_FEWEST_BITS, math.ceil(math.log2(max(count, 2))))
    # None of the bits of a key, drawn without putting back, is among those that differ.
    meet = math.prod((BITS - distance - place) / (BITS - place) for place in range(width))
    return width, math.ceil(math.log(1 - recall) / math.log(1 - meet)) if meet < 1 else 1


def apart(words: Words, a: Rows, b: Rows) -> npt.NDArray[np.int64]:
    """Distance of the hashes at places a and b: int64 [m]."""
    distances = np.empty(len(a), np.int64)
    for start in range(0, len(a), _BLOCK):
        some = slice(start, start + _BLOCK)
        np.bitwise_count(words[a[some]] ^ words[b[some]]).sum(axis=1, dtype=np.int64, out=distances[some])
    return distances


class _Found:
    """Pairs, doubles among them dropped whenever they have doubled in number."""

    def __init__(self) -> None:
        self._parts: list[Words] = [np.empty(0, np.uint64)]
        self._distinct = 0

    def add(self, pairs: Words) -> None:
        if len(pairs):
            self._parts.append(pairs)
        if sum(map(len, self._parts)) > 2 * self._distinct + _AT_ONCE:
            self._distinct = len(self.distinct())

    def distinct(self) -> Words:
        self._parts = [np.unique(np.concatenate(self._parts))]
        return self._parts[0]


def _mask(draw: np.random.Generator, width: int) -> tuple[Words, Words]:
    """`width` random bits of a hash, and odd factors that mix what stands under them."""
    bits = np.zeros(BITS, np.uint8)
    bits[draw.choice(BITS, width, replace=False)] = 1
    factors = draw.integers(2**63, size=BITS // 64, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    return np.packbits(bits).view(np.uint64), factors


def _packed(words: Words, mask: Words, factors: Words) -> Words:
    """Key and row of each hash in one word, in order of the keys.

    Sorting words takes a fifth of the time of sorting places by a key. Two keys that fall together by chance are
    strangers like any other.
    """
    packed = np.arange(len(words), dtype=np.uint64)
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK]
        key = np.zeros(len(block), np.uint64)
        for place in range(words.shape[1]):
            key = (key ^ block[:, place] & mask[place]) * factors[place]
            key ^= key >> _HALF
        packed[start : start + _BLOCK] |= key & ~_LOW
    packed.sort()
    return packed


def _buckets(packed: Words) -> Iterator[tuple[Words, Rows, Rows]]:
    """Rows in order of their key, and where each bucket of two or more starts among them and how long it is; some
    buckets at a time."""
    start = 0
    while start < len(packed):
        end = min(start + _BLOCK, len(packed))
        last = packed[end - 1] | _LOW
        end += int(np.searchsorted(packed[end:], last, side="right"))
        keys = packed[start:end] >> _HALF
        edges = np.flatnonzero(np.diff(keys, prepend=~keys[:1]))
        sizes = np.diff(edges, append=len(keys))
        several = sizes > 1
        yield packed[start:end] & _LOW, edges[several], sizes[several]
        start = end


def _verified(
    words: Words, rows: Words, starts: Rows, sizes: Rows, distance: int, asked: npt.NDArray[np.bool_] | None
) -> Words:
    """The near pairs of all buckets as a << 32 | b, a < b."""
    kept = [np.empty(0, np.uint64)]
    for one, other in _couples(starts, sizes):
        a, b = rows[one].astype(np.intp), rows[other].astype(np.intp)
        if asked is not None:
            wanted = asked[a] | asked[b]
            a, b = a[wanted], b[wanted]
        # One word in four tells most strangers apart already.
        hopeful = np.bitwise_count(words[a, 0] ^ words[b, 0]) <= distance
        a, b = a[hopeful], b[hopeful]
        close = apart(words, a, b) <= distance
        a, b = a[close].astype(np.uint64), b[close].astype(np.uint64)
        kept.append(np.minimum(a, b) << _HALF | np.maximum(a, b))
    return np.concatenate(kept)


def _couples(starts: Rows, sizes: Rows) -> Iterator[tuple[Rows, Rows]]:
    """Places of each member of a bucket and of those up to `WINDOW` behind it, some at a time."""
    members = np.repeat(starts + sizes, sizes)
    first = np.repeat(starts, sizes) + _counted(sizes)
    behind = np.minimum(members - first - 1, WINDOW)
    total = np.cumsum(behind)
    begin = 0
    while begin < len(first):
        done = total[begin - 1] if begin else 0
        end = max(begin + 1, int(np.searchsorted(total, done + _BLOCK, side="right")))
        ones = np.repeat(first[begin:end], behind[begin:end])
        yield ones, ones + 1 + _counted(behind[begin:end])
        begin = end


def _counted(sizes: Rows) -> Rows:
    """0, 1, 2 … for each size, one behind the other."""
    ends = np.cumsum(sizes)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - sizes, sizes)
