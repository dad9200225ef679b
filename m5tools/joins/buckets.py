"""Rows cut by a hash of their key, so that who brings them together takes one bucket at a time and memory stays flat.

A file lies as in memory, sorted by bucket, and tells where each begins: whoever merges bucket 7 maps it and touches
that range alone. (Parquet with a row group a bucket takes its whole footer to be read for each: the square of the
buckets, in every file.)
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic, wording

_ENDS: Final = b"ends"


def of_hash(hashes: pl.Series, buckets: int) -> pl.Series:
    """The bucket of each uint64 hash: ranges of it, in order."""
    return (hashes // (1 << 48)).cast(pl.Int64) * buckets // (1 << 16)


def of_text(texts: pl.Series, buckets: int) -> pl.Series:
    """The bucket of each text."""
    return of_hash(wording.hashed(texts), buckets)


def of_hex(texts: pl.Series, buckets: int) -> pl.Series:
    """The bucket of each text that is a hash in hex digits, by the first of them; of any other text some bucket."""
    digits = texts.str.slice(0, 4).str.to_integer(base=16, strict=False).cast(pl.Int64)
    return digits.fill_null(0).clip(0) * buckets // (1 << 16)


def write(path: Path, rows: pl.DataFrame, bucket: pl.Series, buckets: int) -> None:
    """Write rows with the bucket of each."""
    place = bucket.to_numpy()
    order = np.argsort(place, kind="stable")
    ends = np.searchsorted(place[order], np.arange(buckets + 1)).tolist()
    # Views of texts would have all that a file holds attached to each range of it.
    table = rows[order].to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    table = table.replace_schema_metadata({_ENDS: json.dumps(ends)})
    with (
        atomic.whole_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, table.schema) as writer,
    ):
        writer.write_table(table)


class Opened(NamedTuple):
    """One file, mapped; the rows of bucket i lie from `ends[i]` up to `ends[i + 1]`."""

    rows: pa.Table
    ends: list[int]


def opened(paths: Iterable[Path]) -> list[Opened]:
    """Files that :func:`write` wrote."""
    files = []
    for path in paths:
        with pa.memory_map(str(path)) as file:
            table = pa.ipc.open_file(file).read_all()
        files.append(Opened(table.replace_schema_metadata(), json.loads(table.schema.metadata[_ENDS])))
    return files


def read(files: Sequence[Opened], bucket: int) -> pl.DataFrame:
    """One bucket of several files, in their order."""
    parts = [file.rows.slice(file.ends[bucket], file.ends[bucket + 1] - file.ends[bucket]) for file in files]
    filled = [part for part in parts if part.num_rows] or parts[:1]
    frame = pl.from_arrow(pa.concat_tables(filled).combine_chunks())
    assert isinstance(frame, pl.DataFrame)
    return frame
