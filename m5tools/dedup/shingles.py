"""Sets of shingles of a whole text column, cut straight from its Arrow buffers, and their exact Jaccard index.

No Python per row: shingles of all texts are taken at every byte position at once, those that would cross the border of
a text are masked out. A 4-byte shingle fits 32 bits, so title shingles are compared exactly, not by hash; runs of words
are hashed to 32 bits. Text number and shingle together make one uint64, which sorts fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

if TYPE_CHECKING:
    from scipy.sparse import csr_array

U32 = np.ndarray[Any, np.dtype[np.uint32]]
U64 = np.ndarray[Any, np.dtype[np.uint64]]
F32 = np.ndarray[Any, np.dtype[np.float32]]
_I64 = np.ndarray[Any, np.dtype[np.int64]]
_U8 = np.ndarray[Any, np.dtype[np.uint8]]

_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_PAIRS_AT_ONCE = 65_536
_LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""

_BLANK = 0x20
_THREE_BYTES = 0xE0
"""UTF-8 lead bytes from here on begin a character of three or four bytes: scripts without spaces, each its own word."""


@dataclass(frozen=True)
class ShingleSets:
    """One set of shingles per text.

    Attributes:
        shingles: uint64 below 2³², distinct and ascending within a text.
        offsets: int64, length n + 1; text i owns shingles[offsets[i]:offsets[i + 1]].
    """

    shingles: U64
    offsets: _I64

    @property
    def sizes(self) -> _I64:
        return np.diff(self.offsets)


def byte_shingles(texts: pl.Series, within_words: bool = False) -> ShingleSets:
    """Sets of 4-byte shingles, each text padded by blanks (so that a single letter has one); none of a null.

    With `within_words` none has a blank inside, so the order of the words does not count.
    """
    data, offsets = _buffers(("  " + texts + " ").fill_null(""))
    width = 4
    if data.size < width:
        return _sets(np.empty(0, np.uint64), np.empty(0, np.int64), len(texts))
    wide = data.astype(np.uint64)
    shingles = wide[:-3] | wide[1:-2] << np.uint64(8) | wide[2:-1] << np.uint64(16) | wide[3:] << np.uint64(24)
    text = np.repeat(np.arange(len(texts)), np.diff(offsets))[: shingles.size]
    inside = np.arange(shingles.size) + width <= offsets[text + 1]
    if within_words:
        inside &= (data[1:-2] != _BLANK) & (data[2:-1] != _BLANK)
    return _sets(shingles[inside], text[inside], len(texts))


def word_shingles(texts: pl.Series, words: int = 3) -> ShingleSets:
    """Sets of hashed runs of `words` words (fewer where a text has fewer); none of a null.

    A word is a run of ASCII letters and digits and two-byte characters; each character of three bytes or more is a
    word of its own, so that Chinese, Japanese, Korean and Thai need no spaces.
    """
    data, offsets = _buffers(texts.fill_null(""))
    starts, hashes = _words(data, offsets)
    text = np.searchsorted(offsets, starts, side="right") - 1
    counts = np.bincount(text, minlength=len(texts))
    place = np.arange(hashes.size) - np.repeat(np.cumsum(counts) - counts, counts)
    left = np.repeat(counts, counts) - place
    runs = hashes.copy()
    for step in range(1, words):
        follows = left > step
        runs[follows] = _mixed(runs[follows] * _ODD + hashes[np.flatnonzero(follows) + step])
    whole = (left >= words) | (place == 0)
    return _sets(runs[whole] >> _HALF, text[whole], len(texts))


def word_sets(texts: pl.Series) -> ShingleSets:
    """Sets of hashed words; of scripts without spaces, of every two neighbouring characters. None of a null."""
    data, offsets = _buffers(texts.fill_null(""))
    starts, words = _words(data, offsets)
    text = np.searchsorted(offsets, starts, side="right") - 1
    wide = data[starts] >= _THREE_BYTES
    joined = np.zeros(starts.size, bool)
    joined[:-1] = wide[:-1] & wide[1:] & (text[:-1] == text[1:]) & (np.diff(starts) <= _LONGEST_CHARACTER)
    pairs = words.copy()
    first = np.flatnonzero(joined)
    pairs[first] = _mixed(words[first] * _ODD + words[first + 1])
    last_of_run = np.zeros(starts.size, bool)
    last_of_run[1:] = joined[:-1] & ~joined[1:]
    return _sets(pairs[~last_of_run] >> _HALF, text[~last_of_run], len(texts))


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
    """Sets as a sparse matrix of ones: float32 [texts, 2³²]."""
    from scipy.sparse import csr_array  # a quarter of a second to load, which every other stage would pay too

    held = np.ones(sets.shingles.size, np.float32)
    return csr_array((held, sets.shingles.astype(np.int64), sets.offsets), shape=(len(sets.sizes), 2**32))


def overlap(left: csr_array, right: csr_array, a: Any, b: Any) -> F32:
    """Products of rows, Σ left[a] · right[b] for every pair: float32, length m. Linear merges of sorted rows."""
    found = [
        np.asarray(left[a[i : i + _PAIRS_AT_ONCE]].multiply(right[b[i : i + _PAIRS_AT_ONCE]]).sum(axis=1)).ravel()
        for i in range(0, len(a), _PAIRS_AT_ONCE)
    ]
    return np.concatenate([np.empty(0, np.float32), *found]).astype(np.float32)


def _sets(shingles: U64, text: _I64, texts: int) -> ShingleSets:
    members = np.sort(text.astype(np.uint64) << _HALF | shingles)
    members = members[np.concatenate([np.ones(min(1, members.size), bool), members[1:] != members[:-1]])]
    sizes = np.bincount((members >> _HALF).astype(np.int64), minlength=texts)
    return ShingleSets(members & _LOW, np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64))


def _buffers(texts: pl.Series) -> tuple[_U8, _I64]:
    """The UTF-8 bytes of a column without nulls, and where each text begins in them."""
    column = texts.to_arrow().cast(pa.large_string())
    column = pa.concat_arrays([column])
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int64)[: len(column) + 1] if len(column) else np.zeros(1, np.int64)
    raw = np.frombuffer(data, np.uint8) if data is not None and data.size else np.empty(0, np.uint8)
    return raw[bounds[0] : bounds[-1]], bounds - bounds[0]


def _words(data: _U8, offsets: _I64) -> tuple[_I64, U64]:
    """Where each word begins, and its hash."""
    lower = data | np.uint8(0x20)
    letter = ((lower >= ord("a")) & (lower <= ord("z"))) | ((data >= ord("0")) & (data <= ord("9"))) | (data >= 0x80)
    begins = np.zeros(data.size, bool)
    begins[1:] = letter[1:] & ~letter[:-1]
    begins[offsets[:-1][offsets[:-1] < data.size]] = True
    wide = data >= _THREE_BYTES
    begins |= wide
    after = np.flatnonzero(wide) + 3 + (data[wide] >= 0xF0)
    begins[after[after < data.size]] = True
    begins &= letter
    starts = np.flatnonzero(begins)
    if not starts.size:
        return starts, np.empty(0, np.uint64)
    word = np.cumsum(begins) - 1
    inside = letter & (word >= 0)
    place = np.arange(data.size) - starts[np.maximum(word, 0)]
    terms = np.where(inside, _mixed((place.astype(np.uint64) << np.uint64(8)) + data), np.uint64(0))
    return starts, _mixed(np.add.reduceat(terms, starts))


def _mixed(values: U64) -> U64:
    """Spread the bits of 64-bit values (finaliser of splitmix64; Steele, Lea & Flood, OOPSLA 2014)."""
    values = (values ^ values >> np.uint64(30)) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ values >> np.uint64(27)) * np.uint64(0x94D049BB133111EB)
    return values ^ values >> np.uint64(31)
