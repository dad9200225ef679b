"""Percentile bootstrap of means over queries: those about one product are drawn together.

The draws depend on the seed and the units alone, so two systems judged on the same queries are drawn alike, and the
interval of the mean of their differences is the paired one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

LEVEL: Final = 0.95
_AT_ONCE: Final = 64


@dataclass(frozen=True)
class Bootstrap:
    """Draws of units with replacement.

    Attributes:
        draws: how many; 0 gives no intervals.
        seed: of the draws.
    """

    draws: int
    seed: int

    def interval(self, values: NDArray[np.float64], unit: NDArray[np.int64]) -> NDArray[np.float64]:
        """Lower and upper end of the mean of each column, `[2, M]`.

        Args:
            values: `[Q, M]`, one row a query.
            unit: int64 `[Q]`, queries of the same number are drawn together.
        """
        _, place = np.unique(unit, return_inverse=True)
        count = int(place.max()) + 1
        sums = np.zeros((count, values.shape[1]))
        np.add.at(sums, place, values)
        sizes = np.bincount(place, minlength=count).astype(np.float64)
        draw = np.random.default_rng(self.seed)
        means = []
        for start in range(0, self.draws, _AT_ONCE):
            several = min(_AT_ONCE, self.draws - start)
            times = np.stack([np.bincount(draw.integers(0, count, count), minlength=count) for _ in range(several)])
            means.append((times @ sums) / (times @ sizes)[:, None])
        tail = 100 * (1 - LEVEL) / 2
        return np.percentile(np.concatenate(means), (tail, 100 - tail), axis=0)
