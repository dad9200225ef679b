from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.loader.mixing import allotment, mixed, spread

PART = np.repeat([0, 1, 2], [60, 30, 10])
ONCE = np.ones(100, np.int64)


@given(st.integers(0, 1000), st.lists(st.floats(0, 10), min_size=1, max_size=5).filter(lambda shares: max(shares) > 0))
def test_an_allotment_is_whole_and_nearest(total: int, shares: list[float]) -> None:
    counts = allotment(total, shares)
    assert sum(counts) == total
    exact = [total * share / sum(shares) for share in shares]
    assert all(abs(count - want) < 1 + 1e-9 for count, want in zip(counts, exact, strict=True))


@pytest.mark.parametrize("shares", [(1, 1, 1), (6, 3, 1), (0, 1, 1), (5, 0.1, 0.1)])
def test_every_dataset_has_its_share_and_its_samples_come_evenly(shares: tuple[float, ...]) -> None:
    count = mixed(ONCE, PART, shares, "view", 0, 0)
    assert np.bincount(PART, count).astype(int).tolist() == allotment(100, shares)
    for part in range(3):
        mine = count[part == PART]
        assert mine.max() - mine.min() <= 1
    if shares == (6, 3, 1):
        assert count.tolist() == ONCE.tolist()


def test_epochs_go_on_where_the_last_one_ended() -> None:
    """A dataset at half its size: two epochs deliver all of it, and none of it twice."""
    shares = (30, 60, 10)
    first, second, third = (mixed(ONCE, PART, shares, "view", 0, epoch) for epoch in range(3))
    assert (first + second)[PART == 0].tolist() == [1] * 60
    assert third[PART == 0].tolist() == first[PART == 0].tolist()
    assert mixed(ONCE, PART, shares, "view", 1, 0).tolist() != first.tolist()


def test_weights_stay_within_a_dataset() -> None:
    heavy = np.where(np.arange(100) % 2, 3, 1)
    counts = [mixed(heavy, PART, (1, 1, 1), "view", 0, epoch) for epoch in range(120)]
    assert {int(count.sum()) for count in counts} == {int(heavy.sum())}
    large = sum(counts)[PART == 0]
    assert large[1::2].sum() == 3 * large[::2].sum()


def test_a_dataset_of_which_nothing_comes_is_left_out() -> None:
    nothing = np.where(PART == 1, 0, 1)
    assert np.bincount(PART, mixed(nothing, PART, (1, 8, 1), "view", 0, 0)).tolist() == [35, 0, 35]
    assert mixed(ONCE * 0, PART, (1, 1, 1), "view", 0, 0).sum() == 0


def test_stretches_hold_the_datasets_in_their_shares() -> None:
    order = spread(np.random.default_rng(0).permutation(100), PART)
    assert sorted(order.tolist()) == list(range(100))
    for start in range(0, 100, 10):
        counts = np.bincount(PART[order[start : start + 10]], minlength=3)
        assert np.abs(counts - [6, 3, 1]).max() <= 1
