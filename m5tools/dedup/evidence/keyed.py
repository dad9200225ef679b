"""Rows under keys that others have too, read part by part: of a key that nobody shares, as most are, nothing is kept.

Keys are hashes, by which :func:`m5tools.joins.bands.neighbours` tells them apart anyway, so no text of all products is
ever in memory; what rows are ordered by is read of those alone that share a key.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

Parts = Sequence[pl.LazyFrame]
"""Products in parts, at least one, with `row` (uint32) counted over all."""


def hashed(key: str | pl.Expr) -> pl.Expr:
    """A key as uint64, null where it is."""
    key = pl.col(key) if isinstance(key, str) else key
    return pl.when(key.is_not_null()).then(key.hash())


def shared(parts: Parts, key: pl.Expr, *beside: pl.Expr) -> pl.DataFrame:
    """The rows that share a key with another, or have one several times.

    Args:
        parts: products.
        key: uint64; null is none.
        beside: what else is wanted of such rows, some bytes each.

    Returns:
        Columns row, key and those beside, in the order of rows.
    """
    keyed = pl.concat(part.select("row", *beside, key=key).drop_nulls("key").collect() for part in parts)
    return keyed.filter(pl.col("key").is_duplicated())


def alike(parts: Parts, keyed: Sequence[pl.DataFrame], *by: str) -> list[pl.DataFrame]:
    """Each of some frames with its rows in the order of columns of products, then of rows; nulls come last."""
    rows = pl.concat(frame["row"] for frame in keyed).unique().sort()
    if rows.is_empty():
        return list(keyed)
    wanted = np.zeros(rows[-1] + 1, bool)
    wanted[rows.to_numpy()] = True
    told = []
    for part in parts:
        mine = part.select("row", *by).collect()
        told.append(mine.filter(_of(wanted, mine["row"].to_numpy())))
    ordered = pl.concat(told).sort(*by, "row", nulls_last=True)["row"].to_numpy()
    place = np.zeros(len(wanted), np.uint32)
    place[ordered] = np.arange(len(ordered), dtype=np.uint32)
    return [frame[np.argsort(place[frame["row"].to_numpy()], kind="stable")] for frame in keyed]


def _of(wanted: npt.NDArray[np.bool_], rows: npt.NDArray[np.uint32]) -> npt.NDArray[np.bool_]:
    """Whether rows are wanted; those beyond the last that is are not."""
    found = rows < len(wanted)
    found[found] = wanted[rows[found]]
    return found
