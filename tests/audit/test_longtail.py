"""The numbers of a long tail against arrays whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.audit import longtail
from m5tools.synth.profile_m5product import LABELS, label_counts

sizes = st.lists(st.integers(1, 10_000), min_size=1, max_size=60).map(np.array)


@given(sizes, st.integers(2, 9))
def test_numbers_do_not_depend_on_order_or_scale(array: np.ndarray, factor: int) -> None:
    one, other = longtail.measure(array), longtail.measure(array[::-1] * factor)
    for name in ("gini", "effective_classes", "top_1", "top_10", "top_20", "bottom_half"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
    assert [b.classes for b in one.bands] == [b.classes for b in other.bands]


def test_bands_cut_at_half_and_nine_tenths() -> None:
    array = np.array([30, 20, 20, 20, 5, 3, 2])
    assert longtail.bands(array).tolist() == [0, 0, 1, 1, 2, 2, 2]
    tail = longtail.measure(array)
    assert [(b.band, b.classes, b.items, b.smallest) for b in tail.bands] == [
        ("head", 2, 50, 20),
        ("middle", 2, 40, 20),
        ("tail", 3, 10, 2),
    ]


@given(sizes)
def test_bands_cover_everything(array: np.ndarray) -> None:
    tail = longtail.measure(array)
    assert sum(b.items for b in tail.bands) == tail.items == array.sum()
    assert tail.bands[0].share >= 0.5


def test_no_classes_give_zeros() -> None:
    tail = longtail.measure(np.array([], dtype=np.int64))
    assert (tail.classes, tail.items, tail.gini, tail.effective_classes, tail.top_1) == (0, 0, 0.0, 0.0, 0.0)


def test_small_classes_are_counted() -> None:
    tail = longtail.measure(np.array([1, 1, 10, 11, 100, 101]))
    assert (tail.singletons, tail.up_to_10, tail.up_to_100, tail.largest, tail.median) == (2, 3, 5, 101, 10.5)


def test_the_label_counts_of_m5product_give_the_known_figures() -> None:
    tail = longtail.measure(label_counts(LABELS))
    assert tail.gini == pytest.approx(0.66, abs=0.01)
    assert tail.top_10 == pytest.approx(0.484, abs=0.01)
    assert tail.top_1 == pytest.approx(0.179, abs=0.01)
    assert tail.bottom_half == pytest.approx(0.066, abs=0.01)
    assert (tail.singletons, tail.up_to_10, tail.up_to_100, tail.median) == (47, 344, 1725, 406)


@given(st.integers(1, 5000))
def test_curve_keeps_both_ends(n: int) -> None:
    ranks = longtail.curve(np.ones(n), 100)
    assert ranks[0] == 1
    assert ranks[-1] == n
    assert len(ranks) <= 100
    assert (np.diff(ranks) > 0).all()
    assert n > 100 or len(ranks) == n, "none is left out where there is room for all"
