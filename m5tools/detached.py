"""A selection of rows that holds nothing but itself: Polars' keep all the texts that they were taken from."""

from __future__ import annotations

import polars as pl


def detached(rows: pl.DataFrame) -> pl.DataFrame:
    """The same rows, their texts copied together."""
    copied = pl.from_arrow(rows.to_arrow(compat_level=pl.CompatLevel.oldest()))
    assert isinstance(copied, pl.DataFrame)
    return copied
