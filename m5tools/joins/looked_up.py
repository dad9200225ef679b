"""Rows of a table that knows no partitions, kept so that a partition's look-ups cost what they find, not the table.

The rows lie in files as in memory, by ranges of a hash of their key and sorted by it, and are mapped: a search touches
what it passes by. Reading all of the table once a partition costs the square of the products.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic

ROWS_A_FILE: Final = 1 << 20
"""Rows, nearly, that are sorted at once, where they are narrow."""
_HASH: Final = "hash"


def keep(folder: Path, rows: pl.LazyFrame, key: str, rows_a_file: int = ROWS_A_FILE) -> None:
    """Keep rows for :func:`rows_of`.

    Args:
        folder: where to.
        rows: read once to count them, and once for each file; a key may be of several rows.
        key: a column of texts.
        rows_a_file: rows, nearly, that are sorted at once.
    """
    count = rows.select(pl.len()).collect().item()
    several = -(-max(count, 1) // rows_a_file)
    hashed = rows.with_columns(pl.col(key).hash().alias(_HASH))
    for number in range(several):
        mine = hashed.filter(_file(pl.col(_HASH), several) == number).sort(_HASH, key).collect()
        table = mine.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
        with (
            atomic.whole_file(folder / f"{number:05d}-{several:05d}.arrow") as temporary,
            pa.OSFile(str(temporary), "wb") as sink,
            pa.ipc.new_file(sink, table.schema) as writer,
        ):
            writer.write_table(table)


def rows_of(folder: Path, wanted: pl.Series) -> pl.DataFrame:
    """The rows of some keys, in no telling order.

    Args:
        folder: what :func:`keep` was given.
        wanted: keys, under the name of their column; those of no row are passed over.
    """
    files = sorted(folder.glob("[!.]*.arrow"))
    asked = wanted.unique().to_frame().with_columns(pl.col(wanted.name).hash().alias(_HASH))
    asked = asked.with_columns(file=_file(pl.col(_HASH), len(files))).sort("file", _HASH)
    bounds = np.searchsorted(asked["file"].to_numpy(), np.arange(len(files) + 1))
    hashes = asked[_HASH].to_numpy()
    found = []
    for file, first, beyond in zip(files, bounds[:-1], bounds[1:], strict=True):
        with pa.memory_map(str(file)) as source:
            table = pa.ipc.open_file(source).read_all()
        mine, kept = hashes[first:beyond], _as_it_lies(table[_HASH])
        starts, ends = np.searchsorted(kept, mine), np.searchsorted(kept, mine, side="right")
        places = np.repeat(ends - np.cumsum(ends - starts), ends - starts) + np.arange((ends - starts).sum())
        found.append(table.drop_columns([_HASH]).take(pa.array(places)))
    rows = pl.DataFrame(pl.from_arrow(pa.concat_tables(found)))
    return rows.join(asked.select(wanted.name), on=wanted.name, how="semi")


def _file(hashes: pl.Expr, several: int) -> pl.Expr:
    """Which of so many files holds a hash."""
    return (hashes // (1 << 32)) * several // (1 << 32)


def _as_it_lies(column: pa.ChunkedArray) -> np.ndarray:
    found: np.ndarray = (column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()).to_numpy()
    return found
