"""Sets of shingles of a whole text column, cut straight from its Arrow buffers, and their exact Jaccard index.

No Python per row: shingles of many texts are taken at every byte position at once, those that would cross the border of
a text are masked out. A 4-byte shingle fits 32 bits, so title shingles are compared exactly, not by hash; runs of words
are hashed to 32 bits. Text number and shingle together make one uint64, which sorts fast. Columns are cut block by
block, so that what is worked on stays in the processor's cache.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.cores import on_cores

if TYPE_CHECKING:
    from scipy.sparse import csr_array

U32 = np.ndarray[Any, np.dtype[np.uint32]]
I32 = np.ndarray[Any, np.dtype[np.int32]]
U64 = np.ndarray[Any, np.dtype[np.uint64]]
F32 = np.ndarray[Any, np.dtype[np.float32]]
F64 = np.ndarray[Any, np.dtype[np.float64]]
I64 = np.ndarray[Any, np.dtype[np.int64]]
_U8 = np.ndarray[Any, np.dtype[np.uint8]]
_Bools = np.ndarray[Any, np.dtype[np.bool_]]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_SHINGLE_BYTES = 4
_BLOCK_BYTES = 2**17
_PAIRS_AT_ONCE = 8_192
_FIRST_COLUMN = 2**31
_LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""

_BLANK = 0x20
_THREE_BYTES = 0xE0
"""UTF-8 lead bytes from here on begin a character of three or four bytes: scripts without spaces, each its own word."""
_FOUR_BYTES = 0xF0


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


def byte_shingles(texts: pl.Series, within_words: bool = False) -> ShingleSets:
    """Sets of 4-byte shingles, each text padded by blanks (so that a single letter has one); none of a null.

    With `within_words` none has a blank inside, so the order of the words does not count.
    """

    def cut(data: _U8, offsets: I64) -> tuple[U64, I64]:
        if data.size < _SHINGLE_BYTES:
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        inside = np.ones(data.size, bool)
        for left in range(1, _SHINGLE_BYTES):
            crossing = offsets[1:] - left
            inside[crossing[crossing >= 0]] = False
        inside = inside[: 1 - _SHINGLE_BYTES]
        if within_words:
            inside &= (data[1:-2] != _BLANK) & (data[2:-1] != _BLANK)
        shingles = np.ndarray(inside.shape, "<u4", np.ascontiguousarray(data), strides=(1,))
        text = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return shingles[inside].astype(np.uint64), text[: inside.size][inside]

    return _in_blocks("  " + texts + " ", cut)


def word_shingles(texts: pl.Series, words: int = 3) -> ShingleSets:
    """Sets of hashed runs of `words` words (fewer where a text has fewer); none of a null.

    A word is a run of ASCII letters and digits and two-byte characters; each character of three bytes or more is a
    word of its own, so that Chinese, Japanese, Korean and Thai need no spaces.
    """

    def cut(data: _U8, offsets: I64) -> tuple[U64, I64]:
        _, hashes, text = _words(data, offsets)
        runs = hashes.copy()
        whole = np.zeros(text.size, bool)
        whole[: 1 - words or None] = text[: 1 - words or None] == text[words - 1 :]
        whole[_firsts(text)] = True
        for step in range(1, words):
            follows = text[:-step] == text[step:]
            longer = _mixed(runs[:-step] * _ODD + hashes[step:])
            np.copyto(runs[:-step], longer, where=follows)
        return runs[whole] >> _HALF, text[whole]

    return _in_blocks(texts, cut)


def word_sets(texts: pl.Series) -> ShingleSets:
    """Sets of hashed words; of scripts without spaces, of every two neighbouring characters. None of a null."""

    def cut(data: _U8, offsets: I64) -> tuple[U64, I64]:
        starts, words, text = _words(data, offsets)
        wide = data[starts] >= _THREE_BYTES
        if not wide.any():
            return words >> _HALF, text
        joined = np.zeros(starts.size, bool)
        joined[:-1] = wide[:-1] & wide[1:] & (text[:-1] == text[1:]) & (np.diff(starts) <= _LONGEST_CHARACTER)
        pairs = words.copy()
        first = np.flatnonzero(joined)
        pairs[first] = _mixed(words[first] * _ODD + words[first + 1])
        last_of_run = np.zeros(starts.size, bool)
        last_of_run[1:] = joined[:-1] & ~joined[1:]
        return pairs[~last_of_run] >> _HALF, text[~last_of_run]

    return _in_blocks(texts, cut)


def jaccard(sets: ShingleSets, a: U32, b: U32) -> F32:
    """The Jaccard index of pairs of sets.

    Args:
        sets: of n texts.
        a: indices of the one side, length m.
        b: indices of the other side, length m.

    Returns:
        float32, length m; NaN where a side is empty, for nothing equals nothing.
    """
    matrix = ones(sets)
    shared = overlap(matrix, matrix, a, b)
    size_a, size_b = sets.sizes[a], sets.sizes[b]
    index = shared / np.maximum(size_a + size_b - shared, 1)
    return np.where((size_a > 0) & (size_b > 0), index, np.nan).astype(np.float32)


def ones(sets: ShingleSets) -> csr_array:
    """Sets as a sparse matrix of ones."""
    return held(sets, np.ones(sets.shingles.size, np.float32))


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


def overlap(left: csr_array, right: csr_array, a: Any, b: Any) -> F32:
    """Products of rows, Σ left[a] · right[b] for every pair: float32, length m. Linear merges of sorted rows."""
    found = [
        np.asarray(left[a[i : i + _PAIRS_AT_ONCE]].multiply(right[b[i : i + _PAIRS_AT_ONCE]]).sum(axis=1)).ravel()
        for i in range(0, len(a), _PAIRS_AT_ONCE)
    ]
    return np.concatenate([np.empty(0, np.float32), *found]).astype(np.float32)


def _in_blocks(texts: pl.Series, cut: Callable[[_U8, I64], tuple[U64, I64]]) -> ShingleSets:
    """Cut a column, some texts at a time.

    Args:
        cut: bytes of texts and where each begins → their shingles, with repetitions, and the text that each is of.
    """
    data, offsets = _buffers(texts.fill_null(""))
    first = np.searchsorted(offsets[:-1], np.arange(0, data.size, _BLOCK_BYTES))
    bounds = np.unique(np.concatenate([[0], first, [len(texts)]]))

    def block(span: tuple[int, int]) -> tuple[U32, I64]:
        i, j = span
        members, text = cut(data[offsets[i] : offsets[j]], offsets[i : j + 1] - offsets[i])
        held = text.astype(np.uint64)
        held <<= _HALF
        held |= members
        held.sort()
        held = held[_firsts(held)]
        return held.astype(np.uint32), np.diff(np.searchsorted(held, np.arange(j - i + 1).astype(np.uint64) << _HALF))

    made = [(np.empty(0, np.uint32), np.empty(0, np.int64)), *on_cores(block, pairwise(bounds))]
    sizes = np.cumsum(np.concatenate([sizes for _, sizes in made]))
    return ShingleSets(np.concatenate([shingles for shingles, _ in made]), np.concatenate([[0], sizes]))


def _firsts(values: U64 | I64) -> _Bools:
    """Which of a row of values differ from the one before."""
    first = np.ones(values.size, bool)
    first[1:] = values[1:] != values[:-1]
    return first


def _buffers(texts: pl.Series) -> tuple[_U8, I64]:
    """The UTF-8 bytes of a column without nulls, and where each text begins in them."""
    column = texts.to_arrow().cast(pa.large_string())
    column = pa.concat_arrays([column])
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[: len(column) + 1] if len(column) else np.zeros(1, np.int64)
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return raw[bounds[0] : bounds[-1]], bounds - bounds[0]


def _words(data: _U8, offsets: I64) -> tuple[I64, U64, I64]:
    """Where each word begins, its hash, and the text it is of."""
    lower = data | np.uint8(0x20)
    letter = ((lower >= ord("a")) & (lower <= ord("z"))) | ((data >= ord("0")) & (data <= ord("9"))) | (data >= 0x80)
    begins = np.zeros(data.size, bool)
    begins[1:] = letter[1:] & ~letter[:-1]
    begins[offsets[:-1][offsets[:-1] < data.size]] = True
    wide = data >= _THREE_BYTES
    if wide.any():
        begins |= wide
        after = np.flatnonzero(wide) + 3 + (data[wide] >= _FOUR_BYTES)
        begins[after[after < data.size]] = True
    begins &= letter
    last = letter.copy()
    last[:-1] &= begins[1:] | ~letter[1:]
    starts, stops = np.flatnonzero(begins), np.flatnonzero(last) + 1
    # A word is a polynomial of its bytes, read off the running sum over all of them, shifted to where it begins.
    powers, inverses = _powers(1 << int(data.size).bit_length())
    sums = np.zeros(data.size + 1, np.uint64)
    np.cumsum(data * powers[: data.size], out=sums[1:])
    hashes = _mixed((sums[stops] - sums[starts]) * inverses[starts])
    text = np.repeat(np.arange(len(offsets) - 1), np.diff(np.searchsorted(starts, offsets)))
    return starts, hashes, text


@lru_cache(maxsize=2)  # a text of megabytes needs a large table once
def _powers(count: int) -> tuple[U64, U64]:
    """The first powers of an odd number modulo 2⁶⁴, and of its inverse."""
    inverse = pow(int(_ODD), -1, 2**64)
    ones = np.ones(1, np.uint64)
    return tuple(  # type: ignore[return-value]
        np.cumprod(np.concatenate([ones, np.full(count - 1, base, np.uint64)])) for base in (_ODD, inverse)
    )


def _mixed(values: U64) -> U64:
    """Spread the bits of 64-bit values (finaliser of splitmix64; Steele, Lea & Flood, OOPSLA 2014)."""
    spread = values >> np.uint64(30)
    spread ^= values
    spread *= np.uint64(0xBF58476D1CE4E5B9)
    spread ^= spread >> np.uint64(27)
    spread *= np.uint64(0x94D049BB133111EB)
    spread ^= spread >> np.uint64(31)
    return spread
