"""Rows of a table that knows no partitions, kept so that a partition's look-ups cost what they find, not the table.

The rows lie in files as in memory, by ranges of a hash of their key and sorted by it, and are mapped: a search touches
what it passes by. Reading all of the table once a partition costs the square of the products. Hashes are Polars', so
files are for a scratch folder, which is not gone on with where these are others (:mod:`m5tools.engine.room`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic
from m5tools.joins import buckets

ROWS_A_FILE: Final = 1 << 20
"""Rows, nearly, that are sorted at once, where they are narrow."""
_HASH: Final = "hash"


def keep(folder: Path, rows: pl.LazyFrame, key: str, rows_a_file: int = ROWS_A_FILE) -> None:
    """Keep rows for :func:`rows_of`, in place of what the folder has: which file holds a key depends on how many there
    are.

    Args:
        folder: where to.
        rows: read once to count them, and once to cut them into files; a key may be of several rows.
        key: a column of texts or whole numbers.
        rows_a_file: rows, nearly, that are sorted at once.
    """
    for file in folder.glob("*.arrow"):  # of a try that was killed
        atomic.remove(file)
    count = rows.select(pl.len()).collect().item()
    several = -(-max(count, 1) // rows_a_file)
    hashed = rows.with_columns(pl.col(key).hash().alias(_HASH))
    if several == 1:
        _write(folder / _name(0, 1), hashed.collect(), key)
        return
    cut = []
    for number, batch in enumerate(hashed.collect_batches(chunk_size=rows_a_file)):
        cut.append(folder / "cut" / f"{number:05d}.arrow")
        buckets.write(cut[-1], batch, batch.select(_file(pl.col(_HASH), several)).to_series(), several)
    files = buckets.opened(cut)
    for number in range(several):
        _write(folder / _name(number, several), buckets.read(files, number), key)
    for file in cut:
        atomic.remove(file)


def rows_of(folder: Path, wanted: pl.Series) -> pl.DataFrame:
    """The rows of some keys, in no telling order.

    Args:
        folder: what :func:`keep` was given.
        wanted: keys, under the name of their column; those of no row are passed over.
    """
    kept = [_mapped(file) for file in sorted(folder.glob("[!.]*.arrow"))]
    asked = wanted.unique().to_frame()
    found = pa.concat_tables(_searched(kept, asked)).drop_columns([_HASH])
    rows = pl.DataFrame(pl.from_arrow(found))
    return rows.join(asked, on=wanted.name, how="semi")


def _searched(kept: list[pa.Table], asked: pl.DataFrame) -> list[pa.Table]:
    """The rows of each file whose hashes are those of keys (one column)."""
    hashed = asked.select(pl.first().hash().alias(_HASH))
    hashed = hashed.with_columns(file=_file(pl.col(_HASH), len(kept))).sort("file", _HASH)
    bounds = np.searchsorted(hashed["file"].to_numpy(), np.arange(len(kept) + 1))
    hashes = hashed[_HASH].to_numpy()
    found = []
    for table, first, beyond in zip(kept, bounds[:-1], bounds[1:], strict=True):
        mine, there = hashes[first:beyond], _as_it_lies(table[_HASH])
        starts, ends = np.searchsorted(there, mine), np.searchsorted(there, mine, side="right")
        places = np.repeat(ends - np.cumsum(ends - starts), ends - starts) + np.arange((ends - starts).sum())
        found.append(table.take(pa.array(places)))
    return found


def _name(number: int, several: int) -> str:
    return f"{number:05d}-{several:05d}.arrow"


def _write(path: Path, rows: pl.DataFrame, key: str) -> None:
    table = rows.sort(_HASH, key).to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
    with (
        atomic.whole_file(path) as temporary,
        pa.OSFile(str(temporary), "wb") as sink,
        pa.ipc.new_file(sink, table.schema) as writer,
    ):
        writer.write_table(table)


def _mapped(file: Path) -> pa.Table:
    with pa.memory_map(str(file)) as source:
        return pa.ipc.open_file(source).read_all()


def _file(hashes: pl.Expr, several: int) -> pl.Expr:
    """Which of so many files holds a hash."""
    return (hashes // (1 << 32)) * several // (1 << 32)


def _as_it_lies(column: pa.ChunkedArray) -> Any:
    return (column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()).to_numpy()
