"""How unequally items are spread over classes: measures of concentration that audit, papers and commands share.

All take an array of class sizes, int64 or float64, shape [classes], each above 0, in any order; without classes they
are 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Sizes = NDArray[Any]


def gini(sizes: Sizes) -> float:
    """The Gini coefficient of the sizes: Σᵢ (2i − n − 1) xᵢ / (n Σ x) over ascending xᵢ, i from 1."""
    ascending = np.sort(np.asarray(sizes, dtype=np.float64))
    n = ascending.size
    if n == 0:
        return 0.0
    weights = 2 * np.arange(1, n + 1) - n - 1
    return float((weights * ascending).sum() / (n * ascending.sum()))


def effective_classes(sizes: Sizes) -> float:
    """The Hill number of order 1: exp(−Σ p ln p)."""
    sizes = np.asarray(sizes, dtype=np.float64)
    if sizes.size == 0:
        return 0.0
    p = sizes / sizes.sum()
    return float(np.exp(-(p * np.log(p)).sum()))


def top_share(sizes: Sizes, part: float) -> float:
    """Share of the items in the largest `part` of the classes (0–1; rounded, at least one class)."""
    ordered = np.sort(np.asarray(sizes))[::-1]
    if ordered.size == 0:
        return 0.0
    return float(ordered[: max(1, round(part * ordered.size))].sum() / ordered.sum())


def bottom_share(sizes: Sizes, part: float) -> float:
    """Share of the items in the smallest `part` of the classes (0–1; rounded down)."""
    ascending = np.sort(np.asarray(sizes))
    if ascending.size == 0:
        return 0.0
    return float(ascending[: int(part * ascending.size)].sum() / ascending.sum())
