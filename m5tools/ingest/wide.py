"""Batches of very many different keys: each value an entry of its own, instead of each key a column.

Records whose keys are data (an attribute a key, an id a key) have hardly a key in common; columns for all of them would
be nearly empty, and as many as there are values.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from m5tools.ingest.delivered import Records, not_blank, raw_columns, text_of
from m5tools.ingest.raw import Raw


@dataclass(frozen=True)
class Entries:
    """The values of a batch, one behind the other.

    Attributes:
        frame: columns row (int64), key and text (String; null where blank), row by row.
    """

    frame: pl.DataFrame

    def raw(self, rows: int, last: tuple[str, ...]) -> Raw:
        """The same entries as :meth:`m5tools.ingest.raw.Raw.of` makes of columns."""
        filled = self.frame.drop_nulls("text").with_columns(last=pl.col("key").is_in(last)).sort("row", "last", "key")
        counts = _counts(filled["row"], rows)
        offsets = np.concatenate([[0], np.cumsum(counts)])
        behind = _counts(filled.filter("last")["row"], rows)
        keys, texts = (filled[name].to_arrow().cast(pa.large_string()) for name in ("key", "text"))
        return Raw(keys, texts, offsets, offsets[1:] - behind)


Given = dict[str, pa.LargeStringArray] | Entries


def given_of(records: Records) -> tuple[Given, set[str]]:
    """Every value of some records as text: by key where keys are shared, and which keys hold texts alone."""
    return (_entries(records), set()) if records.is_wide else raw_columns(records)


def raw_of(given: Given, rows: int, last: tuple[str, ...] = ()) -> Raw:
    """What was delivered, laid out row by row; see :meth:`m5tools.ingest.raw.Raw.of`."""
    return given.raw(rows, last) if isinstance(given, Entries) else Raw.of(given, rows, last)


def _entries(records: Records) -> Entries:
    values: list[Any] = [text_of(value) for record in records for value in record.values()]
    return Entries(
        pl.DataFrame({
            "row": np.repeat(np.arange(len(records)), list(map(len, records))),
            "key": pl.Series(list(chain.from_iterable(records)), dtype=pl.String),
            "text": pl.Series(not_blank(pa.array(values, pa.large_string()))),
        })
    )  # fmt: skip


def _counts(rows: pl.Series, count: int) -> npt.NDArray[np.int64]:
    return np.bincount(rows.to_numpy(), minlength=count).astype(np.int64)
