"""Keys → candidate pairs, in linear time: sort by key, pair each row with its next few neighbours under the same key.

All pairs of a bucket of m rows would be m²/2, five thousand million for a boilerplate shared by 100,000 products. A
window keeps the work at `window` pairs a row and still connects the bucket; a bucket above the cap is a hub: counted,
not followed. Null keys match nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

PAIR = {"a": pl.UInt32, "b": pl.UInt32}
_HALF = np.uint64(32)


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
    rows = rows.filter(pl.col("key").is_duplicated()).unique(["key", "row"], maintain_order=True)
    rows = rows.with_columns(size=pl.len().over("key")).filter(pl.col("size") > 1)
    hubs = rows.filter(pl.col("size") > cap) if cap is not None else rows.clear()
    if cap is not None:
        rows = rows.filter(pl.col("size") <= cap)
    rows = rows.sort("key", maintain_order=True)
    widest = min(window, int(rows.select(pl.col("size").max().fill_null(1)).item()) - 1)
    shifted = (
        rows.select(a="row", b=pl.col("row").shift(-step), alike=pl.col("key") == pl.col("key").shift(-step))
        .filter("alike")
        .drop("alike")
        for step in range(1, widest + 1)
    )
    pairs = union(shifted) if asked is None else wanted(union(shifted), asked)
    return Joined(pairs, hubs["key"].n_unique(), hubs.height)


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
    parts = [pl.DataFrame(schema=PAIR), *(frame.select("a", "b") for frame in frames)]
    both = pl.concat(parts)
    a, b = (both[side].to_numpy() for side in ("a", "b"))
    # As one word a pair they sort in a tenth of the time.
    pairs = np.minimum(a, b).astype(np.uint64) << _HALF | np.maximum(a, b)
    pairs = pairs[a != b]
    pairs.sort()
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if pairs.size else pairs
    return pl.DataFrame({"a": (pairs >> _HALF).astype(np.uint32), "b": pairs.astype(np.uint32)}, schema=PAIR)
