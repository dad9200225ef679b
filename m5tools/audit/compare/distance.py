"""How far two counts are apart: pure functions on numbers, arrays and value counts of two sides.

What each returns is 0 where both sides are alike, and every chance of noise is measured by the sizes of both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Counts = NDArray[Any]
Floats = NDArray[np.float64]

ERROR = 0.01
"""Chance that noise alone brings any mover at all onto the list (Bonferroni over everything that was compared)."""
FEW = 5.0
"""Cells that chance alone would give fewer than this on a side are put together before χ² and PSI."""


def limit(comparisons: int) -> float:
    """The |z| that noise reaches in any of so many comparisons with a chance of :data:`ERROR`."""
    return float(stats.norm.isf(ERROR / (2 * max(1, comparisons))))


def z(a: Counts, b: Counts, size_a: Counts | float, size_b: Counts | float) -> Floats:
    """The two-proportion z of `b / size_b` against `a / size_a`, pooled; 0 where a side is empty or both are alike.

    Args:
        a, b: what was counted on each side, [N].
        size_a, size_b: of how many, scalars or [N].
    """
    size_a, size_b = (np.maximum(np.asarray(n, np.float64), 0.0) for n in (size_a, size_b))
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (a + b) / (size_a + size_b)
        found = (b / size_b - a / size_a) / np.sqrt(pooled * (1 - pooled) * (1 / size_a + 1 / size_b))
    return np.where(np.isfinite(found), found, 0.0)


def effect(a: Counts, b: Counts, size_a: Counts | float, size_b: Counts | float) -> Floats:
    """Cohen's h of the two shares, 2 asin √p_b − 2 asin √p_a: from −π to π; 0 where a side is empty.

    It weighs 1 % → 2 % about as much as 50 % → 54 %. Source: Cohen 1988, "Statistical Power Analysis", chapter 6.
    """
    size_a, size_b = (np.asarray(n, np.float64) for n in (size_a, size_b))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * np.arcsin(np.sqrt(np.clip(b / size_b, 0, 1))) - 2 * np.arcsin(np.sqrt(np.clip(a / size_a, 0, 1)))
    return np.where(np.isfinite(found), found, 0.0)


def score(effects: Counts, size_a: Counts | float, size_b: Counts | float, most_noise: float) -> Floats:
    """What is left of |h| when noise has had its part: |h| − `most_noise` · √(1/size_a + 1/size_b), at least 0."""
    with np.errstate(divide="ignore"):
        noise = np.sqrt(1 / np.asarray(size_a, np.float64) + 1 / np.asarray(size_b, np.float64))
    return np.maximum(0.0, np.abs(effects) - most_noise * noise)


@dataclass(frozen=True)
class Distance:
    """How far two distributions over the same values are apart.

    Attributes:
        total_variation: half the sum of the differences of shares: the share that would have to move; 0–1.
        jensen_shannon: the divergence in bits, 0–1.
        psi: the population stability index, Σ (q − p) ln(q / p); custom calls 0.1 small and 0.25 large.
        chi2, freedom, p_value: Pearson's χ² test that both sides are drawn from one distribution.
        cramers_v: √(χ² / n) of that table, 0–1.
        cells: values that χ² and PSI see; rare ones count as one.
    """

    total_variation: float
    jensen_shannon: float
    psi: float
    chi2: float
    freedom: int
    p_value: float
    cramers_v: float
    cells: int


def distance(a: Counts, b: Counts) -> Distance:
    """The distances of two distributions.

    Args:
        a, b: counts of the same values in the same order, [values]; an empty side has distance 0 to anything.
    """
    a, b = (np.asarray(side, np.float64) for side in (a, b))
    if not a.sum() or not b.sum():
        return Distance(0.0, 0.0, 0.0, 0.0, 0, 1.0, 0.0, 0)
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    table = _common(np.stack([a, b]))
    tested = table.shape[1] > 1
    chi2, p_value, freedom = 0.0, 1.0, 0
    if tested:
        chi2, p_value, freedom, _ = stats.chi2_contingency(table, correction=False)
    # Half a product in an empty cell keeps the logarithm finite.
    at_least = np.maximum(table, 0.5)
    shares = at_least / at_least.sum(1, keepdims=True)
    return Distance(
        total_variation=float(np.abs(p - q).sum() / 2),
        jensen_shannon=max(0.0, (_bits(p, middle) + _bits(q, middle)) / 2),
        psi=float(((shares[1] - shares[0]) * np.log(shares[1] / shares[0])).sum()),
        chi2=float(chi2),
        freedom=int(freedom),
        p_value=float(p_value),
        cramers_v=float(np.sqrt(chi2 / table.sum())),
        cells=table.shape[1],
    )


def _common(table: Floats) -> Floats:
    """Counts [2, values] with all values of which a side should hold fewer than :data:`FEW` put into one."""
    table = table[:, table.sum(0) > 0]
    rare = table.sum(0) * table.sum(1).min() / table.sum() < FEW
    if not rare.any():
        return table
    together = table[:, rare].sum(1, keepdims=True)
    return np.concatenate([table[:, ~rare], together], axis=1)


def _bits(p: Floats, q: Floats) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())


@dataclass(frozen=True)
class Apart:
    """How far two distributions of numbers are apart.

    Attributes:
        ks: the Kolmogorov–Smirnov distance, the largest difference of the two distribution functions, 0–1.
        at: the number up to which that difference is found; None where a side is empty.
        below_a, below_b: how many numbers of each side are at most `at`.
        p_value: of the KS test (asymptotic; ties make it careful).
        wasserstein: mean distance by which numbers would have to be moved, in their own unit.
    """

    ks: float
    at: float | None
    below_a: int
    below_b: int
    p_value: float
    wasserstein: float


def apart(values: Floats, a: Counts, b: Counts) -> Apart:
    """The distances of two distributions of numbers, exactly, from counts of every value.

    Args:
        values: different numbers, ascending, [values].
        a, b: how often each side has them, [values].
    """
    size_a, size_b = int(np.sum(a)), int(np.sum(b))
    if not size_a or not size_b:
        return Apart(0.0, None, 0, 0, 1.0, 0.0)
    up_a, up_b = np.cumsum(a), np.cumsum(b)
    gap = np.abs(up_a / size_a - up_b / size_b)
    place = int(np.argmax(gap))
    ks = float(gap[place])
    return Apart(
        ks=ks,
        at=float(values[place]),
        below_a=int(up_a[place]),
        below_b=int(up_b[place]),
        p_value=float(stats.kstwobign.sf(ks * np.sqrt(size_a * size_b / (size_a + size_b)))),
        wasserstein=float(stats.wasserstein_distance(values, values, a, b)),
    )


def quantiles(values: Floats, counts: Counts, at: tuple[float, ...]) -> tuple[float, ...]:
    """Quantiles of numbers given by their counts: the smallest number with at least that share at or below it."""
    up = np.cumsum(counts)
    if not len(up) or not up[-1]:
        return ()
    return tuple(float(values[np.searchsorted(up, max(1, np.ceil(share * up[-1] - 1e-9)))]) for share in at)
