"""Random numbers that are a function of a key and a place, so that any of them can be had at any time, anywhere.

SplitMix64 (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators", fig. 17), started from a hash
of the key. Its output function is a bijection: the draws of one key at different places all differ.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt

from m5tools.loader.ascending import ascending

Rows = npt.NDArray[np.int64]


def draws(places: npt.NDArray[np.integer], *key: object) -> npt.NDArray[np.uint64]:
    """One number for each place, uniform over all of uint64; the same on every machine and version of NumPy."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    z: npt.NDArray[np.uint64] = np.frombuffer(digest[:8], "<u8").astype(np.uint64)
    return mixed(z, places)


def mixed(start: npt.NDArray[np.uint64], places: npt.NDArray[np.integer]) -> npt.NDArray[np.uint64]:
    """The numbers at some places of the streams that begin at `start`; the two are broadcast against each other."""
    with np.errstate(over="ignore"):
        z: npt.NDArray[np.uint64] = start + (places.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return z


def uniform(places: npt.NDArray[np.integer], *key: object) -> npt.NDArray[np.float64]:
    """One number in [0, 1) for each place."""
    return np.asarray((draws(places, *key) >> np.uint64(11)) * 2.0**-53)


def shuffled(count: int, *key: object) -> Rows:
    """A permutation of 0 … count − 1."""
    return ascending(draws(np.arange(count), *key))


def seeds(places: npt.NDArray[np.integer], seed: int, epoch: int) -> Rows:
    """int64, not negative: a seed for the augmentation of the sample at each place of an epoch's global order."""
    return (draws(places, "augment", seed, epoch) >> np.uint64(1)).astype(np.int64)
