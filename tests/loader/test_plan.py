from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.loader.plan import PADDING, Plan, shuffled

GOLDEN = [5, 2, 11, 9, 3, 4, 7, 10, 0, 1, 6, 8]
GOLDEN_LONG = [66384, 88282, 8180, 49031]


def plan(samples: int, size: int, drop_last: bool = True, shuffle: bool = True, seed: int = 0) -> Plan:
    return Plan("0123456789abcdef" * 2, samples, seed, size, shuffle, drop_last)


def test_golden_order() -> None:
    """Pinned: an upgrade of anything must not change the order of a training run unseen."""
    assert shuffled(12, "0123456789abcdef" * 2, 7, 3).tolist() == GOLDEN
    assert shuffled(100_000, "0123456789abcdef" * 2, 7, 3)[:4].tolist() == GOLDEN_LONG


def test_order_changes_with_everything_it_is_a_function_of() -> None:
    orders = [shuffled(50, f, s, e).tolist() for f, s, e in [("a", 0, 0), ("b", 0, 0), ("a", 1, 0), ("a", 0, 1)]]
    assert len(set(map(tuple, orders))) == 4
    assert shuffled(50, "a", 0, 0).tolist() == orders[0]


def test_places_are_uniform() -> None:
    """Mean place of a row over 2,000 epochs: within five standard errors of the middle."""
    places = np.stack([np.argsort(shuffled(20, "a", 0, epoch)) for epoch in range(2000)])
    error = np.sqrt((20**2 - 1) / 12 / 2000)
    assert np.abs(places.mean(0) - 9.5).max() < 5 * error


@given(
    samples=st.integers(1, 60), width=st.integers(1, 6), world=st.sampled_from([1, 2, 4]), drop=st.booleans(),
    shuffle=st.booleans(), epoch=st.integers(0, 3), start=st.integers(0, 4),
)  # fmt: skip
def test_lanes_make_up_the_same_global_batches_on_any_world(
    samples: int, width: int, world: int, drop: bool, shuffle: bool, epoch: int, start: int
) -> None:
    alone = plan(samples, 4 * width, drop, shuffle)
    whole = [rows.tolist() for rows in alone.lane(epoch, 0, 1)]
    lanes = [list(alone.lane(epoch, rank, world, start)) for rank in range(world)]
    assert {len(lane) for lane in lanes} == {max(0, len(alone) - start)}
    together = [list(chain.from_iterable(rows.tolist() for rows in several)) for several in zip(*lanes, strict=True)]
    assert together == whole[start:]
    delivered = [row for rows in whole for row in rows if row != PADDING]
    assert len(delivered) == len(set(delivered)) == (samples // (4 * width) * 4 * width if drop else samples)
    assert all(len(rows) == 4 * width for rows in whole)


@pytest.mark.parametrize(("samples", "drop", "batches"), [(8, True, 2), (11, True, 2), (11, False, 3), (3, True, 0)])
def test_number_of_batches(samples: int, drop: bool, batches: int) -> None:
    assert len(plan(samples, 4, drop)) == batches
    assert len(list(plan(samples, 4, drop).lane(0, 0, 1))) == batches


def test_unshuffled_is_the_order_of_the_shards() -> None:
    assert np.concatenate(list(plan(9, 3, shuffle=False).lane(5, 0, 1))).tolist() == list(range(9))
