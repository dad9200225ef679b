"""Sets of shingles, one a text, made block by block, and their exact Jaccard index.

Blocks of a column are so small that what is worked on stays in the processor's cache, and little more than a megabyte
is copied out of the column at a time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.cores import on_cores

U32 = np.ndarray[Any, np.dtype[np.uint32]]
I32 = np.ndarray[Any, np.dtype[np.int32]]
U64 = np.ndarray[Any, np.dtype[np.uint64]]
F32 = np.ndarray[Any, np.dtype[np.float32]]
F64 = np.ndarray[Any, np.dtype[np.float64]]
I64 = np.ndarray[Any, np.dtype[np.int64]]
U8 = np.ndarray[Any, np.dtype[np.uint8]]
_Bools = np.ndarray[Any, np.dtype[np.bool_]]

_LARGEST = np.uint32(2**32 - 1)
_PART_BYTES = 2**20
_BLOCK_BYTES = 2**16
_PAIRS_AT_ONCE = 256


@dataclass(frozen=True)
class ShingleSets:
    """One set of shingles per text.

    Attributes:
        shingles: uint32, distinct and ascending within a text.
        offsets: int64, length n + 1; text i owns shingles[offsets[i]:offsets[i + 1]].
    """

    shingles: U32
    offsets: I64

    @property
    def sizes(self) -> I64:
        return np.diff(self.offsets)


def jaccard(sets: ShingleSets, a: U32, b: U32) -> F32:
    """The Jaccard index of pairs of sets.

    Args:
        sets: of n texts.
        a: indices of the one side, length m.
        b: indices of the other side, length m.

    Returns:
        float32, length m; NaN where a side is empty, for nothing equals nothing.
    """
    found = [np.empty(0, np.float32)]
    for first in range(0, len(a), _PAIRS_AT_ONCE):
        sides = np.stack([a[first : first + _PAIRS_AT_ONCE], b[first : first + _PAIRS_AT_ONCE]], axis=1)
        sizes = sets.offsets[sides + 1] - sets.offsets[sides]
        together = sizes.sum(axis=1)
        _, union = _distinct(_members(sets, sides.ravel()), together)
        index = (together - union) / np.maximum(union, 1)
        found.append(np.where(sizes.all(axis=1), index, np.nan).astype(np.float32))
    return np.concatenate(found)


def in_blocks(texts: pl.Series, cut: Callable[[U8, I64], tuple[U32 | U64, I64]]) -> ShingleSets:
    """Cut a column, some texts at a time.

    Args:
        cut: bytes of texts and where each begins → their shingles, text by text and repeated, and how many of each.
    """
    texts = texts.cast(pl.String)  # a column of nothing but nulls may be of no type
    parts = pairwise(_cut_at(_ends(texts), _PART_BYTES))

    def part(span: tuple[int, int]) -> list[tuple[U32, I64]]:
        data, offsets = _buffers(texts[span[0] : span[1]].fill_null(""))
        return [
            block(data[offsets[i] : offsets[j]], offsets[i : j + 1] - offsets[i])
            for i, j in pairwise(_cut_at(offsets, _BLOCK_BYTES))
        ]

    def block(data: U8, offsets: I64) -> tuple[U32, I64]:
        members, sizes = cut(data, offsets)
        return _distinct(members.astype(np.uint32), sizes)

    made = [(np.empty(0, np.uint32), np.empty(0, np.int64)), *chain.from_iterable(on_cores(part, parts))]
    sizes = np.cumsum(np.concatenate([sizes for _, sizes in made]))
    return ShingleSets(np.concatenate([shingles for shingles, _ in made]), np.concatenate([[0], sizes]))


def _ends(texts: pl.Series) -> I64:
    """0, and at which byte of the column each text ends."""
    lengths = texts.str.len_bytes().fill_null(0).to_numpy()
    return np.cumsum(np.append(0, lengths), dtype=np.int64)


def _cut_at(offsets: I64, size: int) -> I64:
    """Texts cut into runs of some bytes: where each begins, and where the last ends."""
    first = np.searchsorted(offsets[:-1], np.arange(0, offsets[-1], size))
    return np.unique(np.concatenate([[0], first, [offsets.size - 1]]))


def _members(sets: ShingleSets, texts: U32) -> U32:
    """The shingles of some texts, one text after the other."""
    sizes = sets.offsets[texts + 1] - sets.offsets[texts]
    ends = np.cumsum(sizes)
    found: U32 = sets.shingles[np.repeat(sets.offsets[texts] - ends + sizes, sizes) + np.arange(ends[-1])]
    return found


def _distinct(shingles: U32, sizes: I64) -> tuple[U32, I64]:
    """The shingles of each text, ascending and each once, and how many those are.

    Texts of like length are the rows of a matrix: short rows are sorted many times faster than one long array.
    """
    lengths = np.frexp(sizes)[1]
    for length in np.unique(lengths[sizes > 1]):
        alike = lengths == length
        inside = np.arange(sizes[alike].max()) < sizes[alike, None]
        rows = np.full(inside.shape, _LARGEST, np.uint32)
        theirs = np.repeat(alike, sizes)
        rows[inside] = shingles[theirs]
        rows.sort(axis=1)
        shingles[theirs] = rows[inside]
    first = _firsts(shingles)
    ends = np.cumsum(sizes)
    first[ends[:-1][ends[:-1] < shingles.size]] = True
    return shingles[first], np.diff(np.cumsum(np.append(0, first))[np.append(0, ends)])


def _firsts(values: U32) -> _Bools:
    """Which of a row of values differ from the one before."""
    first = np.ones(values.size, bool)
    first[1:] = values[1:] != values[:-1]
    return first


def _buffers(texts: pl.Series) -> tuple[U8, I64]:
    """The UTF-8 bytes of a column without nulls, and where each text begins in them."""
    column = texts.to_arrow().cast(pa.large_string())
    column = pa.concat_arrays([column])
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[: len(column) + 1] if len(column) else np.zeros(1, np.int64)
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return raw[bounds[0] : bounds[-1]], bounds - bounds[0]
