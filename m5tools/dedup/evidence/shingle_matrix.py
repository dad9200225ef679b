"""Sets of shingles as sparse matrices, whose rows are multiplied with one another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from m5tools.dedup.evidence.shingle_sets import U32, ShingleSets

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_FIRST_COLUMN = 2**31


def held(sets: ShingleSets, values: Any) -> csr_array:
    """Sets as a sparse matrix with a value for each shingle: [texts, 2³¹ − 1].

    Only rows are ever taken from it, to be multiplied with one another. So columns are counted from −2³¹: all shingles
    find room in 32 bits, in their order, and half as much is copied as with 64.
    """
    from scipy.sparse import csr_array  # a quarter of a second to load, which every other stage would pay too

    columns = (sets.shingles ^ np.uint32(_FIRST_COLUMN)).view(np.int32)
    places = np.int32 if sets.offsets[-1] < _FIRST_COLUMN else np.int64
    return csr_array((values, columns, sets.offsets.astype(places)), shape=(len(sets.sizes), _FIRST_COLUMN - 1))


def in_columns(sets: ShingleSets, mark: int, first: int | None = None, width: int = 0) -> csr_array:
    """Sets as a sparse matrix of one small number (int8), to tell by sums of such in which of several a shingle is.

    Args:
        sets: of n texts.
        mark: the number.
        first: column of shingle 0, where others have columns before it; None: as in :func:`held`.
        width: number of columns then.
    """
    from scipy.sparse import csr_array  # as above

    marks = np.full(sets.shingles.size, mark, np.int8)
    if first is None:
        return held(sets, marks)
    return csr_array((marks, sets.shingles.astype(np.int64) + first, sets.offsets), shape=(len(sets.sizes), width))


def shingles_in(columns: Any) -> U32:
    """The shingles that columns of :func:`held` stand for."""
    found: U32 = columns.view(np.uint32) ^ np.uint32(_FIRST_COLUMN)
    return found
