"""Distances against SciPy on the numbers themselves, and against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from m5tools.audit.compare import distance


def test_z_is_the_pooled_two_proportion_test() -> None:
    (found,) = distance.z(np.array([20]), np.array([45]), 1000, 1000)
    pooled = 65 / 2000
    assert found == pytest.approx(0.025 / np.sqrt(pooled * (1 - pooled) * 2 / 1000))
    chi2 = stats.chi2_contingency([[20, 980], [45, 955]], correction=False).statistic
    assert found**2 == pytest.approx(chi2)
    assert distance.z(np.array([0, 5, 10]), np.array([0, 5, 10]), 10, 10).tolist() == [0, 0, 0]
    assert distance.z(np.array([0]), np.array([0]), 0, 10).tolist() == [0]


def test_noise_is_taken_off_the_effect() -> None:
    h = distance.effect(np.array([0, 1]), np.array([10, 2]), 10, 100)
    assert h[0] == pytest.approx(distance.effect(np.array([0]), np.array([10]), 10, 100)[0])
    assert distance.effect(np.array([0]), np.array([10]), 10, 10)[0] == pytest.approx(np.pi)
    assert distance.score(np.array([0.5]), 100, 100, 3.0)[0] == pytest.approx(0.5 - 3 * np.sqrt(0.02))
    assert distance.score(np.array([0.1]), 100, 100, 3.0)[0] == 0


def test_distributions_against_scipy() -> None:
    rng = np.random.default_rng(3)
    a, b = rng.integers(50, 200, 12), rng.integers(50, 200, 12)
    p, q = a / a.sum(), b / b.sum()
    found = distance.distance(a, b)
    assert found.total_variation == pytest.approx(np.abs(p - q).sum() / 2)
    assert found.jensen_shannon == pytest.approx(jensenshannon(p, q, base=2) ** 2)
    assert found.psi == pytest.approx(((q - p) * np.log(q / p)).sum())
    expected = stats.chi2_contingency(np.stack([a, b]), correction=False)
    assert (found.chi2, found.freedom) == (pytest.approx(expected.statistic), 11)
    assert found.p_value == pytest.approx(expected.pvalue)


def test_the_ends_of_every_distance() -> None:
    alike = distance.distance(np.array([30, 60]), np.array([10, 20]))
    assert (alike.total_variation, alike.psi, alike.p_value) == (0, pytest.approx(0), pytest.approx(1))
    apart = distance.distance(np.array([30, 0]), np.array([0, 30]))
    assert (apart.total_variation, apart.jensen_shannon, apart.cramers_v) == (1, pytest.approx(1), pytest.approx(1))
    assert distance.distance(np.array([0, 0]), np.array([1, 2])).cells == 0


def test_rare_values_are_one_cell_of_the_test() -> None:
    a, b = np.array([1000, 1, 1, 1, 1, 1, 1]), np.array([1000, 0, 2, 0, 1, 3, 1])
    assert distance.distance(a, b).cells == 2


def test_numbers_against_scipy() -> None:
    rng = np.random.default_rng(5)
    one, two = rng.integers(0, 40, 500).astype(float), rng.integers(5, 45, 300).astype(float)
    values = np.unique(np.concatenate([one, two]))
    counts = [np.array([(side == v).sum() for v in values]) for side in (one, two)]
    found = distance.apart(values, *counts)
    expected = stats.ks_2samp(one, two, method="asymp")
    assert found.ks == pytest.approx(expected.statistic)
    assert found.at == expected.statistic_location
    assert (found.below_a, found.below_b) == ((one <= found.at).sum(), (two <= found.at).sum())
    assert found.wasserstein == pytest.approx(stats.wasserstein_distance(one, two))
    at = (0.05, 0.5, 0.95)
    wanted = np.quantile(one, at, method="inverted_cdf").tolist()
    assert list(distance.quantiles(values, counts[0], at)) == wanted
    assert distance.quantiles(values, np.zeros(len(values), int), at) == ()
