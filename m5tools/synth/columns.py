"""Text by the column: word tables, gathering from them, joining the pieces.

Every table ends with a null, so index -1 means "nothing here"; words are escaped for JSON once, when the table is
built, and every text put together from them can be written between quotes as it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

import numpy as np
import polars as pl

from m5tools.synth.draws import Bools, Ints


def escaped(text: str) -> str:
    """The text as it stands between the quotes of a JSON string (characters outside ASCII stay)."""
    return json.dumps(text, ensure_ascii=False)[1:-1]


def table(words: Iterable[str]) -> pl.Series:
    """A word table for `pick`: String, one row per word and a null at the end."""
    return pl.Series([*map(escaped, words), None], dtype=pl.String)


def wordings(entries: Iterable[str], count: int) -> pl.Series:
    """A table with exactly `count` rows per entry, from entries `first|second|…` (repeated from the start if fewer)."""
    flat: list[str] = []
    for entry in entries:
        words = entry.split("|")
        flat.extend(words[k % len(words)] for k in range(count))
    return table(flat)


def pick(words: pl.Series, index: Ints, keep: Bools | None = None) -> pl.Series:
    """The words at `index`; null where it is -1 or `keep` is false. Shape of `index`."""
    if keep is not None:
        index = np.where(keep, index, -1)
    return words.gather(index)


def mask(column: pl.Series, keep: Bools) -> pl.Series:
    """The column with nulls where `keep` is false."""
    return pl.select(pl.when(pl.Series(keep)).then(column)).to_series()


def otherwise(keep: Bools, column: pl.Series, other: pl.Series) -> pl.Series:
    """Rows of `column` where `keep` is true, rows of `other` elsewhere."""
    return pl.select(pl.when(pl.Series(keep)).then(column).otherwise(other)).to_series()


def glue(*parts: str | pl.Series) -> pl.Series:
    """The parts of each row put together; null where any part is null."""
    return pl.select(pl.concat_str(_expressions(parts))).to_series()


def join(separator: str, *parts: str | pl.Series) -> pl.Series:
    """The parts of each row that are not null, joined; null where all are (no part is an empty text)."""
    joined = pl.select(pl.concat_str(_expressions(parts), separator=separator, ignore_nulls=True)).to_series()
    return pl.select(pl.when(joined != "").then(joined)).to_series()


def number(values: Ints) -> pl.Series:
    """Integers as decimal text."""
    return pl.Series(values).cast(pl.String)


def _expressions(parts: Iterable[str | pl.Series]) -> list[pl.Expr]:
    return [pl.lit(part) for part in parts]
