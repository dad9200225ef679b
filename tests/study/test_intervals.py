"""Intervals equal those of SciPy and hold what they promise."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from m5tools.study.intervals import BOOTSTRAP_SEEDS, interval


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


def test_few_seeds_have_no_bootstrap() -> None:
    # Of three like signs it could not reach zero; the t interval does.
    three = interval(np.array([0.01, 0.2, 0.05]))
    assert three.low < 0 < three.high
    assert math.isnan(three.boot_low)
    assert math.isnan(three.boot_high)
    assert not math.isnan(interval(np.linspace(0.1, 0.2, BOOTSTRAP_SEEDS)).boot_low)
