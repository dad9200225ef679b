"""Keys → candidate pairs, in linear time: sort by key, pair each row with its next few neighbours under the same key.

All pairs of a bucket of m rows would be m²/2, five thousand million for a boilerplate shared by 100,000 products. A
window keeps the work at `window` pairs a row and still connects the bucket; a bucket above the cap is a hub: counted,
not followed. Null keys match nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

PAIR = {"a": pl.UInt32, "b": pl.UInt32}
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_WORD = 64
_Places = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Joined:
    """What a join found.

    Attributes:
        pairs: columns a < b (uint32 rows), unique, sorted.
        hubs: keys that more than `cap` rows share.
        hub_rows: rows under those keys.
    """

    pairs: pl.DataFrame
    hubs: int = 0
    hub_rows: int = 0


@dataclass(frozen=True)
class Followed:
    """What keys lead to, each pair once for each key that its rows share.

    Attributes:
        pairs: words (uint64) a << 32 | b of rows a < b, in no order.
        hubs, hub_rows: as of :class:`Joined`.
    """

    pairs: Sequence[Words]
    hubs: int
    hub_rows: int


def neighbours(keyed: pl.DataFrame, window: int, cap: int | None, asked: pl.Series | None = None) -> Joined:
    """Pair the rows that share a key.

    Args:
        keyed: columns `key` (any type; null matches nothing) and `row` (uint32). The order of rows is the order within
            a bucket, so callers sort what is alike together.
        window: with how many following rows of its bucket each row is paired; 1 chains the bucket.
        cap: largest bucket that is followed; None where equality of keys proves the relation, so no bucket misleads.
        asked: only pairs with one of these rows are wanted, and only their keys are looked at; None: all.
    """
    rows = keyed.drop_nulls("key")
    if asked is not None:
        rows = met(rows, asked)
    if rows["row"].is_duplicated().any():
        rows = rows.unique(["key", "row"], maintain_order=True)
    key = rows["key"] if rows["key"].dtype == pl.UInt64 else rows["key"].hash()
    found = follow(key.to_numpy(), rows["row"].to_numpy(), window, cap)
    pairs = distinct(found.pairs)
    return Joined(pairs if asked is None else wanted(pairs, asked), found.hubs, found.hub_rows)


def follow(keys: Words, rows: Any, window: int, cap: int | None, beside: Words | None = None) -> Followed:
    """Pair rows that share a key.

    Args:
        keys: one of each row.
        rows: uint32, distinct under a key; in a bucket they stand as they stand here …
        window, cap: as of :func:`neighbours`.
        beside: … but by a second key of each row, where there is one.
    """
    order = by_key(keys)
    first, size = runs(keys[order])
    hub = size > (len(keys) if cap is None else cap)
    shared = (size > 1) & ~hub
    hubs, hub_rows = int(hub.sum()), int(size[hub].sum())
    first, size = first[shared], size[shared]
    begin = np.cumsum(size) - size
    place = order[np.repeat(first - begin, size) + np.arange(size.sum())]
    if beside is not None:
        alike = by_key(beside[place])
        bucket = np.repeat(np.arange(len(size), dtype=np.uint64), size)[alike]
        place = place[alike[ordered(bucket, np.arange(len(alike)))[1]]]
    members = rows[place]
    found = [_packed(members[one], members[later]) for one, later in following(begin, size, window)]
    return Followed(found, hubs, hub_rows)


def ordered(*columns: Any) -> list[Any]:
    """Columns of whole numbers, their rows sorted by the first, then the second, and so on.

    Where the numbers of a row fit a word of 64 bits together, words are sorted, which takes a fifth of the time that
    sorting places takes.
    """
    if not len(columns[0]):
        return list(columns)
    least = [column.min() for column in columns]
    bits = [(int(column.max()) - int(low)).bit_length() for column, low in zip(columns, least, strict=True)]
    if sum(bits) > _WORD:
        order = np.lexsort(columns[::-1])
        return [column[order] for column in columns]
    words = np.zeros(len(columns[0]), np.uint64)
    for column, low, width in zip(columns, least, bits, strict=True):
        words <<= np.uint64(width)
        # With a sign the distance may not fit; its bits are right.
        words |= (column - low).view(f"u{column.itemsize}")
    words.sort()
    found = []
    for column, low, width in zip(columns[::-1], least[::-1], bits[::-1], strict=True):
        found.append((words & np.uint64(2**width - 1)).astype(column.dtype) + low)
        words >>= np.uint64(width)
    return found[::-1]


def runs(ordered: npt.NDArray[Any]) -> tuple[_Places, _Places]:
    """Where each run of equal values begins, and how long it is."""
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)])
    return first, np.diff(first, append=len(ordered))


def following(first: _Places, size: _Places, window: int) -> Iterator[tuple[_Places, _Places]]:
    """Places of members of runs and of those behind them in their run: next ones, then next but one, … up to a window.

    Args:
        first, size: of the runs.
        window: the farthest.
    """
    behind = np.repeat(np.cumsum(size), size) - np.arange(size.sum()) - 1
    place = np.repeat(first + size, size) - behind - 1
    for step in range(1, window + 1):
        place, behind = place[behind >= step], behind[behind >= step]
        if not len(place):
            return
        yield place, place + step


def by_key(keys: Words) -> _Places:
    """The order of keys, equal ones as they stand: halves of them are sorted, with their places in one word, which
    takes a tenth of the time; where halves are equal by chance, the whole keys decide."""
    packed = keys & ~_LOW | np.arange(len(keys), dtype=np.uint64)
    packed.sort()
    order = (packed & _LOW).astype(np.int64)
    heads, sorted_keys = packed >> _HALF, keys[order]
    alike = heads[1:] == heads[:-1]
    if (alike & (sorted_keys[1:] != sorted_keys[:-1])).any():
        some = np.flatnonzero(np.append(alike, False) | np.append(False, alike))
        order[some] = order[some][np.argsort(sorted_keys[some], kind="stable")]
    return order


def _packed(a: Any, b: Any) -> Words:
    """Pairs of rows as words a << 32 | b, the smaller row first."""
    found: Words = np.minimum(a, b).astype(np.uint64) << _HALF | np.maximum(a, b)
    return found


def distinct(parts: Iterable[Words]) -> pl.DataFrame:
    """Packed pairs, sorted, each once; a row is never paired with itself. As words they sort in a tenth of the time."""
    pairs = np.concatenate([np.empty(0, np.uint64), *parts])
    pairs = pairs[pairs >> _HALF != pairs & _LOW]
    pairs.sort()
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    return pl.DataFrame({"a": (pairs >> _HALF).astype(np.uint32), "b": pairs.astype(np.uint32)}, schema=PAIR)


def met(keyed: pl.DataFrame, asked: pl.Series) -> pl.DataFrame:
    """The rows under the keys that some of the asked rows have, in their order."""
    keys = keyed.filter(pl.col("row").is_in(asked.implode())).select("key").unique()
    return keyed.join(keys, on="key", how="semi", maintain_order="left")


def wanted(pairs: pl.DataFrame, asked: pl.Series) -> pl.DataFrame:
    """The pairs that hold one of the asked rows."""
    return pairs.filter(pl.any_horizontal(pl.col("a", "b").is_in(asked.implode())))


def joined(parts: Iterable[Joined]) -> Joined:
    """Several joins as one."""
    every = list(parts)
    return Joined(union(j.pairs for j in every), sum(j.hubs for j in every), sum(j.hub_rows for j in every))


def union(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Distinct pairs a < b of several lists of pairs, sorted; a row is never paired with itself."""
    return distinct(_packed(frame["a"].to_numpy(), frame["b"].to_numpy()) for frame in frames)
