"""Rows of a table that knows no partitions, looked up by what products of some partitions list.

Polars' joins hold both of their sides. Here a table's parts pass by a few at a time and only what is wanted stays, so
that a unit holds its own rows and those of a few parts, however many the table has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq

from m5tools.detached import detached

ROWS_AT_ONCE: Final = 262_144
"""Rows that pass by at once (a larger part passes alone)."""


def rows_of(parts: Sequence[Path], wanted: pl.Series, columns: pl.Schema) -> pl.DataFrame:
    """The rows whose key is wanted.

    Args:
        parts: Parquet files with the `columns`.
        wanted: keys; null is none.
        columns: what to read; the first is the key.

    Returns:
        `columns`, in the order of the parts.
    """
    key = next(iter(columns))
    keys = wanted.drop_nulls().unique().to_frame(key).lazy()
    found = [
        pl.scan_parquet(run, glob=False).select(list(columns)).join(keys, on=key, how="semi", maintain_order="left")
        for run in _runs(parts)
    ]
    return pl.concat([pl.DataFrame(schema=columns), *(detached(rows.collect()) for rows in found)])


def _runs(parts: Sequence[Path]) -> Iterator[list[Path]]:
    """Neighbouring parts, as many as have `ROWS_AT_ONCE` rows together."""
    run: list[Path] = []
    rows = 0
    for part in parts:
        count = pq.read_metadata(part).num_rows
        if run and rows + count > ROWS_AT_ONCE:
            yield run
            run, rows = [], 0
        run.append(part)
        rows += count
    if run:
        yield run
