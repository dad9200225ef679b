"""MinHash: sets whose smallest values agree under some permutations are likely alike (Broder, SEQUENCES 1997)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.evidence.cores import on_cores
from m5tools.dedup.evidence.shingle_sets import ShingleSets

_SEED = 0x5EED
_ODD = np.uint64(0x9E3779B97F4A7C15)
_SETS_AT_ONCE = 512
"""So few that their shingles stay in the processor's cache."""


@dataclass(frozen=True)
class Bands:
    """How MinHash values are grouped: two texts are candidates when all values of one band agree.

    Attributes:
        count: number of bands.
        width: values per band.
    """

    count: int
    width: int

    def recall(self, similarity: float) -> float:
        """The share of pairs of a similarity that become candidates: 1 − (1 − sʳ)ᵇ."""
        return 1 - (1 - similarity**self.width) ** self.count


def bands_for(similarity: float, recall: float, permutations: int) -> Bands:
    """The widest bands, hence the fewest false candidates, that reach a recall at a similarity.

    1 − (1 − sʳ)ᵇ ≥ recall with b · r ≤ permutations (Leskovec, Rajaraman & Ullman, Mining of Massive Datasets, §3.4).
    """
    best = Bands(permutations, 1)
    for width in range(2, permutations + 1):
        miss = 1 - similarity**width
        count = math.ceil(math.log(1 - recall) / math.log(miss)) if 0 < miss < 1 else 1
        if count * width > permutations:
            break
        best = Bands(count, width)
    return best


def keys_of(sets: ShingleSets, bands: Bands) -> list[pl.Series]:
    """The key of each set in each band: uint64, null for an empty set."""
    values = digests(sets, bands.count * bands.width).reshape(bands.count, bands.width, -1)
    keys = np.zeros((bands.count, values.shape[2]), np.uint64)
    for i in range(bands.width):
        keys = (keys ^ values[:, i]) * _ODD
        keys ^= keys >> np.uint64(29)
    filled, nothing = pl.Series(sets.sizes > 0, dtype=pl.Boolean), pl.Series([None], dtype=pl.UInt64)
    return [pl.Series(band).zip_with(filled, nothing) for band in keys]


def digests(sets: ShingleSets, permutations: int) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """MinHash values: the smallest of each set's shingles under each of some permutations a · x + b modulo 2³², a odd.

    NumPy goes over many sets at once, in a third of the time that rensa 0.5 takes, whose digests come out as lists of
    Python numbers.

    Returns:
        uint32 [permutations, sets]; 0 for an empty set.
    """
    drawn = np.random.Generator(np.random.PCG64(_SEED)).integers(0, 2**32, (2, permutations), np.uint32)
    steps, shifts = drawn[0] | np.uint32(1), drawn[1]
    found = np.zeros((permutations, len(sets.sizes)), np.uint32)
    filled = np.flatnonzero(sets.sizes)

    def some(first: int) -> None:
        rows = filled[first : first + _SETS_AT_ONCE]
        begin, end = sets.offsets[rows[0]], sets.offsets[rows[-1] + 1]
        mixed = sets.shingles[begin:end] * _ODD >> np.uint64(32)
        tokens, starts = mixed.astype(np.uint32), sets.offsets[rows] - begin
        for i, (step, shift) in enumerate(zip(steps, shifts, strict=True)):
            found[i, rows] = np.minimum.reduceat(tokens * step + shift, starts)

    on_cores(some, range(0, filled.size, _SETS_AT_ONCE))
    return found
