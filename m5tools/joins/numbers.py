"""Products by number: millions of pairs hold eight bytes each instead of two ids.

The ids lie in one file that every unit of work maps into memory: to find the numbers of a partition's pairs reads what
the search passes by, not all ids.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools import atomic

_HALF: Final = 16
"""Hex digits that make one 64-bit number: an id is two of them."""

_Halves = np.ndarray[Any, np.dtype[np.uint64]]
_Digits = np.ndarray[Any, np.dtype[np.uint8]]


class Numbers:
    """The numbers of products.

    Args:
        halves: uint64 [2, products]: both halves of product ids, distinct and ascending; the first has number 0.
    """

    def __init__(self, halves: _Halves) -> None:
        self._first, self._second = halves

    @classmethod
    def over(cls, ids: Iterable[pl.Series]) -> Numbers:
        """The numbers of ids (32 hex digits, lower case) that come in runs, distinct and ascending over all runs."""
        return cls(_joined(ids))

    @classmethod
    def write(cls, path: Path, ids: Iterable[pl.Series]) -> None:
        """Keep the numbers of ids in a file."""
        halves = _joined(ids)
        with atomic.whole_file(path) as temporary, temporary.open("wb") as file:
            np.save(file, halves)

    @classmethod
    def read(cls, path: Path) -> Numbers:
        """The numbers that a file holds, mapped into memory."""
        return cls(np.load(path, mmap_mode="r"))

    def of(self, ids: pl.Series) -> pl.Series:
        """uint32: the numbers of some of them."""
        digits = _digits(ids)
        first = _value(digits[:, :_HALF])
        found = np.searchsorted(self._first, first)
        # Ids that begin alike are looked at one by one; hashes nearly never do.
        beside = np.minimum(found + 1, max(len(self._first) - 1, 0))
        doubtful = np.flatnonzero((self._first[beside] == first) & (beside != found))
        second = _value(digits[doubtful, _HALF:])
        while (other := self._second[found[doubtful]] != second).any():
            found[doubtful[other]] += 1
        return pl.Series(ids.name, found.astype(np.uint32))

    def known(self, ids: pl.Series) -> pl.Series:
        """uint32: the numbers of any ids (32 hex digits, lower case, none of them null); null where an id is none of
        these."""
        if not len(self._first):
            return pl.Series(ids.name, [None] * len(ids), dtype=pl.UInt32)
        digits = _digits(ids)
        first, second = _value(digits[:, :_HALF]), _value(digits[:, _HALF:])
        found, last = np.searchsorted(self._first, first), len(self._first) - 1
        place = np.minimum(found, last)
        # Of ids that begin alike, which hashes nearly never do, the second half decides.
        while (short := (found <= last) & (self._first[place] == first) & (self._second[place] < second)).any():
            found[short] += 1
            place = np.minimum(found, last)
        same = (self._first[place] == first) & (self._second[place] == second)
        return pl.DataFrame({"number": place.astype(np.uint32), "same": same}).select(
            pl.when("same").then("number").alias(ids.name)
        )[ids.name]

    def of_runs(self, ids: pl.Series) -> pl.Series:
        """uint32: the numbers of some of them, of which equal ones mostly come one after the other."""
        runs = ids.rle().struct.unnest()
        numbers = np.repeat(self.of(runs["value"]).to_numpy(), runs["len"].to_numpy())
        return pl.Series(ids.name, numbers)

    def numbered(self, parts: Iterable[pl.LazyFrame], **columns: str) -> pl.DataFrame:
        """Rows with numbers instead of ids, read part by part; those of which an id is none of these are left out.

        Args:
            parts: at least one.
            columns: of which column of ids a column of numbers is made.
        """
        found = []
        for part in parts:
            rows = part.collect()
            numbers = [self.known(rows[ids]).alias(number) for number, ids in columns.items()]
            found.append(rows.with_columns(numbers).drop(list(columns.values())).drop_nulls(list(columns)))
        return pl.concat(found)

    def ids(self, numbers: pl.Series) -> pl.Series:
        """The ids of numbers."""
        rows = numbers.to_numpy()
        raw = np.stack([self._first[rows], self._second[rows]], axis=1).astype(">u8")
        whole = pa.FixedSizeBinaryArray.from_buffers(pa.binary(raw.itemsize * 2), len(rows), [None, pa.py_buffer(raw)])
        return pl.Series(numbers.name, whole.cast(pa.large_binary()), dtype=pl.Binary).bin.encode("hex")


def _digits(ids: pl.Series) -> _Digits:
    """uint8 [ids, 32]: the characters of ids, as they lie in memory."""
    written = ids.to_arrow().cast(pa.large_string())
    if not len(written):
        return np.empty((0, 2 * _HALF), np.uint8)
    offsets = np.frombuffer(written.buffers()[1], np.int64)[written.offset :]
    return np.frombuffer(written.buffers()[2], np.uint8)[offsets[0] : offsets[len(written)]].reshape(-1, 2 * _HALF)


def _value(digits: _Digits) -> _Halves:
    """uint64: the numbers that 16 hex digits each write."""
    nibbles = (digits & 15) + 9 * (digits >> 6)
    return np.ascontiguousarray(nibbles[:, 0::2] << 4 | nibbles[:, 1::2]).view(">u8").ravel().astype(np.uint64)


def _joined(ids: Iterable[pl.Series]) -> _Halves:
    read = (np.stack([_value(part[:, :_HALF]), _value(part[:, _HALF:])]) for part in map(_digits, ids))
    return np.concatenate([np.empty((2, 0), np.uint64), *read], axis=1)
