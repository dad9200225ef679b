from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.loader.dealing import Dealer, signatures
from m5tools.loader.slots import PADDING
from m5tools.vocabulary import Modality


def crowd(count: int, videos: float, seed: int) -> tuple[Dealer, np.ndarray]:
    rng = np.random.default_rng(seed)
    present = rng.random((count, 5)) < [0.9, 0.95, 0.8, videos, 0.1]
    cost = 10.0 * present[:, 0] + 150.0 * present[:, 3] + rng.exponential(3, count)
    return Dealer(signatures(present), cost.astype(np.float32)), present


def test_video_weighs_most_in_a_signature() -> None:
    alone = [signatures(np.eye(5, dtype=bool)[m.bit][None])[0] for m in Modality]
    dearest = [Modality.VIDEO, Modality.AUDIO, Modality.IMAGE, Modality.TABLE, Modality.TEXT]
    assert sorted(Modality, key=lambda m: -int(alone[m.bit])) == dearest


@given(st.sampled_from([1, 2, 4, 8]), st.integers(1, 8), st.integers(0, 5), st.floats(0, 0.6))
def test_every_slot_has_one_rank_and_as_many_ranks_as_can_have_a_video(
    world: int, width: int, seed: int, videos: float
) -> None:
    dealer, present = crowd(100, videos, seed)
    rows = np.random.default_rng(seed).choice(100, world * width, replace=False)
    lanes = dealer.lanes(rows, world)
    assert lanes.shape == (world, width)
    assert sorted(lanes.reshape(-1).tolist()) == list(range(world * width))
    assert (np.diff(lanes, axis=1) > 0).all()
    held = present[rows][:, Modality.VIDEO.bit]
    having = [held[lane].any() for lane in lanes]
    assert sum(having) == min(world, held.sum())
    counts = [int(held[lane].sum()) for lane in lanes]
    assert max(counts) - min(counts) <= 1


@pytest.mark.parametrize(("batch", "world"), [(256, 8), (2048, 32)])
def test_the_slowest_rank_is_nearer_to_the_mean_than_undealt(batch: int, world: int) -> None:
    dealer, _ = crowd(20_000, 0.05, 0)
    dealt, undealt = [], []
    for start in range(0, 20_000 - batch, batch):
        rows = np.arange(start, start + batch)
        for found, lanes in ((dealt, dealer.lanes(rows, world)), (undealt, np.arange(batch).reshape(world, -1))):
            cost = dealer.cost[rows][lanes].sum(1)
            found.append(cost.max() / cost.mean())
    assert np.mean(dealt) < 1.12
    assert np.mean(undealt) > 1.25


def test_padding_is_spread() -> None:
    dealer, _ = crowd(10, 0.5, 0)
    rows = np.array([0, 1, 2, 3, PADDING, PADDING, PADDING, PADDING])
    assert [int((rows[lane] == PADDING).sum()) for lane in dealer.lanes(rows, 4)] == [1, 1, 1, 1]
