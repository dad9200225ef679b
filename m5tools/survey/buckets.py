"""Partial counts cut by the hash of their key, so that the merge takes one bucket at a time and its memory stays flat.

A file holds one row group a bucket: whoever merges bucket 7 reads group 7 of every file and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools import atomic, wording


def of_hash(hashes: pl.Series, buckets: int) -> pl.Series:
    """The bucket of each uint64 hash: ranges of it, in order."""
    return (hashes // (1 << 48)).cast(pl.Int64) * buckets // (1 << 16)


def of_text(texts: pl.Series, buckets: int) -> pl.Series:
    """The bucket of each text."""
    return of_hash(wording.hashed(texts), buckets)


def write(path: Path, rows: pl.DataFrame, bucket: pl.Series, buckets: int) -> None:
    """Write rows with the bucket of each."""
    place = bucket.to_numpy()
    order = np.argsort(place, kind="stable")
    table = rows[order].to_arrow()
    ends = np.searchsorted(place[order], np.arange(buckets + 1))
    with atomic.whole_file(path) as temporary, pq.ParquetWriter(temporary, table.schema, compression="zstd") as file:
        for first, last in pairwise(ends):
            file.write_table(table.slice(first, last - first), row_group_size=max(1, last - first))


def read(paths: Iterable[Path], bucket: int) -> pl.DataFrame:
    """One bucket of several files, in their order."""
    parts = []
    for path in paths:
        with pq.ParquetFile(path) as file:
            parts.append(file.read_row_group(bucket))
    frame = pl.from_arrow(pa.concat_tables(parts))
    assert isinstance(frame, pl.DataFrame)
    return frame
