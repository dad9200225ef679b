"""Which modalities a network is shown at test time: every combination of the five, or what is left when some are lost.

A modality's vector does not depend on which others are there, so both are masks over the same vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
import xxhash
from numpy.typing import NDArray

from m5tools.vocabulary import MODALITIES, Modality

COMBINATIONS: Final[tuple[tuple[Modality, ...], ...]] = tuple(
    chosen for size in range(1, len(MODALITIES) + 1) for chosen in combinations(MODALITIES, size)
)
"""All 31, from single modalities to all five."""


def name_of(combination: Sequence[Modality]) -> str:
    """`image+text`."""
    return "+".join(modality.value for modality in combination)


def only(present: NDArray[np.bool_], combination: str) -> NDArray[np.bool_]:
    """What is left of `present` `[N, 5]` when only the modalities of a combination's name are shown."""
    named = combination.split("+")
    return np.asarray(present & np.array([modality.value in named for modality in MODALITIES]))


def draws(ids: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Uniform numbers `[N, 5]`, a function of product id, modality and seed, whatever the order of products."""
    scale = 2.0**-64
    keys = (f"{name}/{modality.value}".encode() for name in ids for modality in MODALITIES)
    numbers = (xxhash.xxh3_64_intdigest(key, seed) * scale for key in keys)
    return np.fromiter(numbers, np.float64, len(ids) * len(MODALITIES)).reshape(len(ids), len(MODALITIES))


def thinned(present: NDArray[np.bool_], draw: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """What is left when every present modality is lost with probability `share`; a product keeps one at least.

    Args:
        present: bool `[N, 5]`.
        draw: `[N, 5]`, of :func:`draws`. With a larger share, what was lost stays lost.
    """
    left = present & (draw >= share)
    last = np.where(present, draw, -1.0).argmax(1)
    rows = np.flatnonzero(present.any(1) & ~left.any(1))
    left[rows, last[rows]] = True
    return left
