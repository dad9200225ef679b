"""Intervals equal those of SciPy and hold what they promise."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from m5tools.study.intervals import interval


def test_t_interval_is_that_of_scipy() -> None:
    values = np.random.default_rng(0).normal(0.1, 0.2, 8)
    found = interval(values)
    wanted = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert math.isclose(found.low, wanted.low)
    assert math.isclose(found.high, wanted.high)
    assert found.values == tuple(values)


def test_bootstrap_agrees_with_scipy() -> None:
    values = np.random.default_rng(1).normal(0.1, 0.2, 12)
    found = interval(values)
    wanted = stats.bootstrap((values,), np.mean, method="percentile", rng=np.random.default_rng(2)).confidence_interval
    assert abs(found.boot_low - wanted.low) < 0.01
    assert abs(found.boot_high - wanted.high) < 0.01


def test_one_seed_tells_nothing_of_the_spread() -> None:
    found = interval(np.array([0.3]))
    assert found.mean == 0.3
    assert all(math.isnan(end) for end in (found.low, found.high, found.boot_low, found.boot_high))


def test_zero_may_lie_in_one_interval_and_not_in_the_other() -> None:
    sure = interval(np.array([0.2, 0.21, 0.19, 0.2]))
    assert min(sure.low, sure.boot_low) > 0
    # The bootstrap of two like signs cannot reach zero; the t interval does.
    two = interval(np.array([0.01, 0.2]))
    assert two.boot_low > 0
    assert two.low < 0 < two.high
