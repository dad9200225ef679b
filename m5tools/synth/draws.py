"""Random numbers that belong to a thing, not to a moment: hash of (seed, stream name, key).

A generator drawn from in sequence would make every row depend on how rows are grouped into blocks. Here the draw
named `stream` for the thing numbered `key` is always the same, so any worker can re-create any product alone.
The mixer is the output function of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014, figure 15).
"""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


class Draws:
    """All the randomness of one simulated crawl."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._offsets: dict[str, np.uint64] = {}

    def _bits(self, stream: str, keys: Ints) -> NDArray[np.uint64]:
        offset = self._offsets.get(stream)
        if offset is None:
            digest = hashlib.blake2b(f"{self.seed}/{stream}".encode(), digest_size=8).digest()
            offset = self._offsets[stream] = np.uint64(int.from_bytes(digest, "little"))
        z = keys.astype(np.uint64)
        z *= _GAMMA
        z += offset
        z ^= z >> np.uint64(30)
        z *= _MIX_1
        z ^= z >> np.uint64(27)
        z *= _MIX_2
        z ^= z >> np.uint64(31)
        return z

    def unit(self, stream: str, keys: Ints) -> Floats:
        """Uniform in [0, 1), float64, one per key."""
        return (self._bits(stream, keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def below(self, stream: str, keys: Ints, bound: int) -> Ints:
        """Uniform integer in [0, bound), bound < 2^31."""
        high = self._bits(stream, keys) >> np.uint64(32)
        return ((high * np.uint64(bound)) >> np.uint64(32)).astype(np.int64)

    def chance(self, stream: str, keys: Ints, probability: float) -> Bools:
        """True with the given probability."""
        return self.unit(stream, keys) < probability

    def choice(self, stream: str, keys: Ints, shares: tuple[float, ...]) -> Ints:
        """Index i with probability `shares[i]`, -1 with what is left to 1."""
        edges = np.cumsum(shares)
        found = np.searchsorted(edges, self.unit(stream, keys), side="right")
        return np.where(found < len(shares), found, -1).astype(np.int64)

    def generator(self, stream: str, key: int) -> np.random.Generator:
        """An ordinary generator for one media file, where thousands of numbers are wanted."""
        return np.random.default_rng(int(self._bits(stream, np.array([key], np.int64))[0]))
