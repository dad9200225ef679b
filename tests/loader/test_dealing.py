from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.loader.dealing import Dealer
from m5tools.loader.slots import PADDING
from m5tools.vocabulary import Modality

GOLDEN = [[3, 6, 8, 14], [7, 10, 13, 15], [1, 2, 4, 9], [0, 5, 11, 12]]


def crowd(count: int, videos: float, seed: int) -> Dealer:
    rng = np.random.default_rng(seed)
    present = rng.random((count, 5)) < [0.9, 0.95, 0.8, videos, 0.1]
    cost = 10.0 * present[:, 0] + 150.0 * present[:, 3] + rng.exponential(3, count)
    return Dealer(present, cost.astype(np.float32))


@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 8), st.integers(0, 5), st.floats(0, 0.6))
def test_every_slot_has_one_rank_and_as_many_ranks_as_can_have_a_video(
    world: int, width: int, seed: int, videos: float
) -> None:
    dealer = crowd(100, videos, seed)
    rows = np.random.default_rng(seed).choice(100, world * width, replace=False)
    lanes = dealer.lanes(rows, world)
    assert lanes.shape == (world, width)
    assert sorted(lanes.reshape(-1).tolist()) == list(range(world * width))
    assert (np.diff(lanes, axis=1) > 0).all()
    held = dealer.present[rows][:, Modality.VIDEO.bit]
    having = [held[lane].any() for lane in lanes]
    assert sum(having) == min(world, held.sum())


@given(st.sampled_from([2, 4, 8]), st.integers(2, 4), st.integers(0, 50))
def test_videos_reach_every_rank_whatever_they_cost(world: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    present = np.zeros((world * width, 5), bool)
    present[rng.permutation(world * width)[: rng.integers(world, world * width + 1)], Modality.VIDEO.bit] = True
    lanes = Dealer(present, rng.exponential(1, world * width).astype(np.float32)).lanes(np.arange(world * width), world)
    assert all(present[lane, Modality.VIDEO.bit].any() for lane in lanes)


@pytest.mark.parametrize(("batch", "world"), [(256, 8), (2048, 32)])
def test_the_slowest_rank_is_nearer_to_the_mean_than_undealt(batch: int, world: int) -> None:
    dealer = crowd(20_000, 0.05, 0)
    dealt, undealt = [], []
    for start in range(0, 20_000 - batch, batch):
        rows = np.arange(start, start + batch)
        for found, lanes in ((dealt, dealer.lanes(rows, world)), (undealt, np.arange(batch).reshape(world, -1))):
            cost = dealer.cost[rows][lanes].sum(1)
            found.append(cost.max() / cost.mean())
    assert np.mean(dealt) < 1.02
    assert np.mean(undealt) > 1.25


def test_padding_is_spread() -> None:
    dealer = crowd(10, 0.5, 0)
    rows = np.array([0, 1, 2, 3, PADDING, PADDING, PADDING, PADDING])
    assert [int((rows[lane] == PADDING).sum()) for lane in dealer.lanes(rows, 4)] == [1, 1, 1, 1]


def test_sounds_are_spread_beside_videos() -> None:
    present = np.zeros((64, 5), bool)
    present[:11, Modality.VIDEO.bit] = True
    present[8:20, Modality.AUDIO.bit] = True
    lanes = Dealer(present, np.ones(64, np.float32)).lanes(np.arange(64), 8)
    for modality in (Modality.VIDEO, Modality.AUDIO):
        assert all(present[lane, modality.bit].any() for lane in lanes)


def test_who_gets_what_is_pinned() -> None:
    """A rank that starts again must get what it got before, with any version of NumPy."""
    dealer = crowd(16, 0.3, 0)
    assert dealer.lanes(np.arange(16), 4).tolist() == GOLDEN
