"""Intervals of a mean over seeds: Student's t, and from enough seeds on the bootstrap that assumes no shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

LEVEL: Final = 0.95
DRAWS: Final = 10_000

BOOTSTRAP_SEEDS: Final = 8
"""Fewer seeds tell a bootstrap nothing: of three like-signed values it cannot reach zero, whatever they are."""


@dataclass(frozen=True)
class Interval:
    """Mean of paired differences and its 95 % intervals; NaN where there are too few seeds for one.

    Attributes:
        values: one a seed.
        mean, low, high: by Student's t.
        boot_low, boot_high: by the percentile bootstrap over seeds, where there are `BOOTSTRAP_SEEDS`.
    """

    values: tuple[float, ...]
    mean: float
    low: float
    high: float
    boot_low: float
    boot_high: float


def interval(values: NDArray[np.float64]) -> Interval:
    """Of one value a seed."""
    mean, count = float(values.mean()), len(values)
    if count < 2:
        return Interval(tuple(values.tolist()), mean, *(float("nan"),) * 4)
    half = float(stats.t.ppf((1 + LEVEL) / 2, count - 1) * values.std(ddof=1) / np.sqrt(count))
    if count < BOOTSTRAP_SEEDS:
        return Interval(tuple(values.tolist()), mean, mean - half, mean + half, float("nan"), float("nan"))
    drawn = np.random.default_rng(0).integers(0, count, (DRAWS, count))
    tail = 100 * (1 - LEVEL) / 2
    boot = np.percentile(values[drawn].mean(1), (tail, 100 - tail))
    return Interval(tuple(values.tolist()), mean, mean - half, mean + half, float(boot[0]), float(boot[1]))
