"""What must stay together: products joined by any relation and, where categories are held out whole, by a category."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import numpy as np
import polars as pl

from m5tools.joins.components import Ends, Rows, of_parts

_ROWS_AT_ONCE: Final = 1 << 20


def groups(rows: pl.Series, *joined: pl.DataFrame) -> pl.Series:
    """Which products must stay together.

    Args:
        rows: numbers of products (uint32), distinct, ascending.
        joined: frames of columns cluster (number of a product) and row; products of one cluster stay together.

    Returns:
        For each product the place (uint32) of its group's first product in `rows`.
    """
    return pl.Series("group", of_parts(_ends(rows.to_numpy(), joined), len(rows)))


def by_category(products: pl.DataFrame) -> pl.DataFrame:
    """Every category as a cluster, named by its first product; products without a category stand alone.

    Args:
        products: columns row and category (0 where unknown).

    Returns:
        Columns cluster, row.
    """
    known = products.filter(pl.col("category") > 0)
    return known.select(pl.col("row").min().over("category").alias("cluster"), "row")


def _ends(rows: Rows, joined: Iterable[pl.DataFrame]) -> Iterator[tuple[Ends, Ends]]:
    """The places of both ends of what joins two of some products, some at a time."""
    if not len(rows):
        return
    for clusters in joined:
        for some in clusters.iter_slices(_ROWS_AT_ONCE):
            ends = [some[side].to_numpy() for side in ("row", "cluster")]
            places = [np.minimum(np.searchsorted(rows, end), len(rows) - 1) for end in ends]
            known = (rows[places[0]] == ends[0]) & (rows[places[1]] == ends[1])
            yield places[0][known], places[1][known]
