"""How much a word tells: in how many titles of the whole dataset each word and each run of four letters stands.

Rare ones tell (a model number names one product), frequent ones do not ("black", "with"). Weights are inverse document
frequencies, log((1 + n) / (1 + df)), so no list of words in any language is needed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.evidence.shingle_sets import F32, F64, I32, I64, U32, ShingleSets
from m5tools.joins.bands import runs

_Places = I32
_ODD = np.uint32(0x9E3779B1)
_SLOTS_A_TOKEN = 4
COUNTS = {"token": pl.UInt32, "titles": pl.UInt32}


def counted(sets: ShingleSets) -> pl.DataFrame:
    """In how many texts each token stands: columns token, titles (uint32), sorted by token."""
    tokens = np.sort(sets.shingles)
    first, size = runs(tokens)
    return pl.DataFrame({"token": tokens[first], "titles": size}, schema_overrides=COUNTS)


def merged(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The counts of several parts of the dataset as one."""
    return summed(parts).filter(pl.col("titles") > 0).cast(COUNTS)  # type: ignore[arg-type]


def summed(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Sums of counts, some of them taken back (below 0): token, titles (int32); those that come to 0 are left out."""
    signed = [part.cast({"titles": pl.Int32}) for part in (pl.DataFrame(schema=COUNTS), *parts)]
    sums = pl.concat(signed).group_by("token").agg(pl.col("titles").sum())
    return sums.filter(pl.col("titles") != 0).sort("token")


def taken_back(counts: pl.DataFrame) -> pl.DataFrame:
    """Counts as they are taken from others."""
    return counts.with_columns(-pl.col("titles").cast(pl.Int32))


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of all titles.

    Attributes:
        counts: columns token (uint32, ascending) and titles.
        titles: number of titles counted.
    """

    counts: pl.DataFrame
    titles: int

    @cached_property
    def frequency(self) -> np.ndarray[Any, np.dtype[np.uint32]]:
        return self.counts["titles"].to_numpy()

    @cached_property
    def weights(self) -> F32:
        """Per token; nearly 0 for one that every title holds."""
        return np.log((1 + self.titles) / (1 + self.frequency.astype(np.float64))).astype(np.float32)

    def places(self, sets: ShingleSets) -> tuple[_Places, I64]:
        """Place of every token in the vocabulary and the text it stands in; tokens of no title are left out."""
        places = self._places(sets.shingles)
        known = places < len(self.frequency)
        return places[known], np.repeat(np.arange(len(sets.sizes)), sets.sizes)[known]

    def told_by(self, tokens: U32) -> F64:
        """The weights of tokens; 0 for a token of no title."""
        return self._told[self._places(tokens)]

    def squares(self, tokens: U32) -> F64:
        """What tokens add to a product of vectors. Each counts one more than its weight, so that titles of frequent
        words alone are not empty; a token of no title counts for nothing."""
        return self._squares[self._places(tokens)]

    @cached_property
    def _told(self) -> F64:
        return np.append(self.weights, 0).astype(np.float64)

    @cached_property
    def _squares(self) -> F64:
        return np.append((self.weights.astype(np.float64) + 1) ** 2, 0)

    @property
    def tokens(self) -> U32:
        """Ascending."""
        return self.counts["token"].to_numpy()

    def found(self, tokens: U32) -> _Places:
        """Where tokens stand, each of which is there."""
        places = self._places(tokens)
        assert not places.size or places.max() < self.tokens.size, "a word that was never counted"
        return places

    def _places(self, wanted: U32) -> _Places:
        """Where tokens stand; behind the last for a token of no title."""
        tokens = self.tokens
        if not tokens.size:
            return np.zeros(wanted.size, np.int32)
        shift, table = self._table
        places: _Places = table[wanted * _ODD >> shift]
        others = np.flatnonzero(tokens[places] != wanted)
        left = wanted[others]
        searched = np.minimum(np.searchsorted(tokens, left), tokens.size - 1)
        places[others] = np.where(tokens[searched] == left, searched, tokens.size)
        return places

    @cached_property
    def _table(self) -> tuple[np.uint32, _Places]:
        """A hash table with one place a slot, and the shift of its hash: most tokens are found without a search."""
        tokens = self.tokens
        bits = (_SLOTS_A_TOKEN * tokens.size).bit_length()
        shift = np.uint32(32 - bits)
        table = np.zeros(1 << bits, np.int32)
        table[tokens * _ODD >> shift] = np.arange(tokens.size, dtype=np.int32)
        return shift, table
