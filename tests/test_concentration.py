"""Measures of concentration against arrays whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools import concentration

sizes = st.lists(st.integers(1, 10_000), min_size=1, max_size=60).map(np.array)


@pytest.mark.parametrize(
    ("array", "gini"),
    [([5, 5, 5, 5], 0.0), ([1, 2, 3], 2 / 9), ([1, 1, 1, 97], 0.72), ([7], 0.0), ([], 0.0)],
)
def test_gini_of_known_arrays(array: list[int], gini: float) -> None:
    assert concentration.gini(np.array(array)) == pytest.approx(gini)


@given(sizes)
def test_gini_is_half_the_relative_mean_difference(array: np.ndarray) -> None:
    differences = np.abs(array[:, None] - array[None, :]).mean()
    assert concentration.gini(array) == pytest.approx(differences / (2 * array.mean()), abs=1e-12)


def test_effective_classes_of_equal_sizes_is_their_number() -> None:
    assert concentration.effective_classes(np.full(12, 40)) == pytest.approx(12)
    assert concentration.effective_classes(np.array([1000, 1])) < 1.01


def test_shares_of_the_ends() -> None:
    array = np.array([50, 20, 10, 5, 5, 4, 3, 1, 1, 1])
    assert concentration.top_share(array, 0.01) == pytest.approx(0.50)
    assert concentration.top_share(array, 0.10) == pytest.approx(0.50)
    assert concentration.top_share(array, 0.20) == pytest.approx(0.70)
    assert concentration.bottom_share(array, 0.5) == pytest.approx(0.10)


def test_no_classes_give_zero() -> None:
    none = np.array([], dtype=np.int64)
    assert (concentration.gini(none), concentration.effective_classes(none)) == (0.0, 0.0)
    assert (concentration.top_share(none, 0.1), concentration.bottom_share(none, 0.5)) == (0.0, 0.0)
