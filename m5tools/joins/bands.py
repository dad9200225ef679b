"""Keys → candidate pairs, in linear time: sort by key, pair each row with its next few neighbours under the same key.

All pairs of a bucket of m rows would be m²/2, five thousand million for a boilerplate shared by 100,000 products. A
window keeps the work at `window` pairs a row and still connects the bucket; a bucket above the cap is a hub: counted,
not followed. Null keys match nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

PAIR = {"a": pl.UInt32, "b": pl.UInt32}
_HALF = np.uint64(32)
_LOW = np.uint64(2**32 - 1)
_Places = npt.NDArray[np.int64]
_Words = npt.NDArray[np.uint64]


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
    order = by_key(key.to_numpy())
    keys, members = key.to_numpy()[order], rows["row"].to_numpy()[order]
    first, size = runs(keys)
    hub = size > (len(keys) if cap is None else cap)
    followed = (size > 1) & ~hub
    met_by = following(first[followed], size[followed], window)
    found = [_packed(members[place], members[later]) for place, later in met_by]
    pairs = _distinct(found)
    return Joined(pairs if asked is None else wanted(pairs, asked), int(hub.sum()), int(size[hub].sum()))


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


def by_key(keys: _Words) -> _Places:
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


def _packed(a: Any, b: Any) -> _Words:
    """Pairs of rows as words a << 32 | b, the smaller row first."""
    found: _Words = np.minimum(a, b).astype(np.uint64) << _HALF | np.maximum(a, b)
    return found


def _distinct(parts: Iterable[_Words]) -> pl.DataFrame:
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
    return _distinct(_packed(frame["a"].to_numpy(), frame["b"].to_numpy()) for frame in frames)
