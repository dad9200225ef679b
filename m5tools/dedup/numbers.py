"""Products by number: millions of pairs hold eight bytes each instead of two ids."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

_HEAD = 16
"""Hex digits that make one 64-bit number; ids that differ nearly always differ in them."""


class Numbers:
    """The numbers of products.

    Args:
        ids: product ids, distinct and ascending; the first has number 0.
    """

    def __init__(self, ids: pl.Series) -> None:
        self._ids = ids
        heads = _heads(ids)
        self._apart = bool((heads[1:] != heads[:-1]).all())
        self._keys: np.ndarray[Any, Any] = heads if self._apart else _whole(ids)

    def of(self, ids: pl.Series) -> pl.Series:
        """uint32: the numbers of some of them."""
        found = np.searchsorted(self._keys, _heads(ids) if self._apart else _whole(ids))
        return pl.Series(ids.name, found.astype(np.uint32))

    def ids(self, numbers: pl.Series) -> pl.Series:
        """The ids of numbers."""
        return self._ids[numbers].alias(numbers.name)


def _heads(ids: pl.Series) -> np.ndarray[Any, np.dtype[np.uint64]]:
    head = ids.str.slice(0, _HEAD).str.decode("hex").bin.reinterpret(dtype=pl.UInt64, endianness="big")
    return head.to_numpy()


def _whole(ids: pl.Series) -> np.ndarray[Any, Any]:
    return ids.to_numpy().astype("S")
