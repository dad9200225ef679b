"""Shingles of a whole text column, cut straight from its Arrow buffers.

No Python per row: shingles of many texts are taken at every byte position at once, those that would cross the border of
a text are left out. A 4-byte shingle fits 32 bits, so title shingles are compared exactly, not by hash; runs of words
are hashed to 32 bits.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import polars as pl

from m5tools.dedup.evidence.shingle_sets import I64, U8, U32, U64, ShingleSets, in_blocks

_ODD = np.uint64(0x9E3779B97F4A7C15)
_HALF = np.uint64(32)
_SHINGLE_BYTES = 4
_LONGEST_CHARACTER = 4
"""Bytes of UTF-8."""

_BLANK = 0x20
_THREE_BYTES = 0xE0
"""UTF-8 lead bytes from here on begin a character of three or four bytes: scripts without spaces, each its own word."""
_FOUR_BYTES = 0xF0


def byte_shingles(texts: pl.Series, within_words: bool = False) -> ShingleSets:
    """Sets of 4-byte shingles, each text padded by blanks (so that a single letter has one); none of a null.

    With `within_words` none has a blank inside, so the order of the words does not count.
    """

    def cut(data: U8, offsets: I64) -> tuple[U32, I64]:
        if data.size < _SHINGLE_BYTES:
            return np.empty(0, np.uint32), np.zeros(len(offsets) - 1, np.int64)
        inside = np.ones(data.size, bool)
        for left in range(1, _SHINGLE_BYTES):
            crossing = offsets[1:] - left
            inside[crossing[crossing >= 0]] = False
        inside = inside[: 1 - _SHINGLE_BYTES]
        if within_words:
            inside &= (data[1:-2] != _BLANK) & (data[2:-1] != _BLANK)
        shingles = np.ndarray(inside.shape, "<u4", np.ascontiguousarray(data), strides=(1,))
        text = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        return shingles[inside], _each(text[: inside.size][inside], len(offsets) - 1)

    return in_blocks("  " + texts + " ", cut)


def word_shingles(texts: pl.Series, words: int = 3) -> ShingleSets:
    """Sets of hashed runs of `words` words (fewer where a text has fewer); none of a null.

    A word is a run of ASCII letters and digits and two-byte characters; each character of three bytes or more is a
    word of its own, so that Chinese, Japanese, Korean and Thai need no spaces.
    """

    def cut(data: U8, offsets: I64) -> tuple[U64, I64]:
        _, hashes, counts = _words(data, offsets)
        ends = np.cumsum(counts)
        firsts = ends - counts
        runs, short = hashes, [(one := firsts[counts == 1], hashes[one])]
        for step in range(1, words):
            runs = _mixed(runs[:-1] * _ODD + hashes[step:])
            if step + 1 < words:
                short.append((few := firsts[counts == step + 1], runs[few]))
        made = np.zeros(hashes.size, np.uint64)
        made[: runs.size] = runs
        within = np.ones(hashes.size, bool)
        for left in range(1, words):
            within[ends[counts >= left] - left] = False
        within[firsts[counts > 0]] = True
        for place, run in short:
            made[place] = run
        return made[within] >> _HALF, np.minimum(counts, np.maximum(counts - words + 1, 1))

    return in_blocks(texts, cut)


def word_sets(texts: pl.Series) -> ShingleSets:
    """Sets of hashed words; of scripts without spaces, of every two neighbouring characters. None of a null."""

    def cut(data: U8, offsets: I64) -> tuple[U64, I64]:
        starts, words, counts = _words(data, offsets)
        wide = data[starts] >= _THREE_BYTES
        if not wide.any():
            return words >> _HALF, counts
        text = np.repeat(np.arange(counts.size), counts)
        joined = np.zeros(starts.size, bool)
        joined[:-1] = wide[:-1] & wide[1:] & (text[:-1] == text[1:]) & (np.diff(starts) <= _LONGEST_CHARACTER)
        pairs = words.copy()
        first = np.flatnonzero(joined)
        pairs[first] = _mixed(words[first] * _ODD + words[first + 1])
        last_of_run = np.zeros(starts.size, bool)
        last_of_run[1:] = joined[:-1] & ~joined[1:]
        return pairs[~last_of_run] >> _HALF, _each(text[~last_of_run], counts.size)

    return in_blocks(texts, cut)


def _each(texts: I64, count: int) -> I64:
    """How many shingles each of some texts has."""
    return np.bincount(texts, minlength=count)


def _words(data: U8, offsets: I64) -> tuple[I64, U64, I64]:
    """Where each word begins, its hash, and how many words each text has."""
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
    starts = np.flatnonzero(begins)
    # A word is a polynomial of its bytes, read off the running sum over all letters, shifted to where it begins.
    powers, inverses = _powers(1 << int(data.size).bit_length())
    sums = np.zeros(data.size + 1, np.uint64)
    np.cumsum(data * letter * powers[: data.size], out=sums[1:])
    hashes = _mixed(np.diff(sums[np.append(starts, data.size)]) * inverses[starts])
    return starts, hashes, np.diff(np.searchsorted(starts, offsets))


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
