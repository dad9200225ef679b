"""Which part of a table a product is in: the same in every table, so that joins stay inside a partition."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import polars as pl

ROWS_A_PARTITION = 25_000
"""Products that a part holds about, where a crawl is ingested whole or many are compacted."""


def part_name(partition: int) -> str:
    """File name (without suffix) of one partition's part."""
    return f"part-{partition:05d}"


def partition_of(product_id: pl.Expr, partitions: int) -> pl.Expr:
    """The partition of each product id: its first 16 bits scaled to the number of partitions."""
    return (product_id.str.slice(0, 4).str.to_integer(base=16) * partitions) // 65_536


def by_partition(rows: pl.DataFrame, partitions: int) -> Iterator[pl.DataFrame]:
    """The rows of each partition in turn, of rows that are in the order of their `product_id`."""
    home = rows.select(partition_of(pl.col("product_id"), partitions)).to_series().to_numpy()
    ends = np.searchsorted(home, np.arange(partitions + 1)).tolist()
    return (rows[first:beyond] for first, beyond in pairwise(ends))
