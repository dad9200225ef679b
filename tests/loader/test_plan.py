from __future__ import annotations

from itertools import chain
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.loader.dealing import Dealer
from m5tools.loader.plan import Plan
from m5tools.loader.rules import Rules
from m5tools.loader.slots import PADDING, Slots

VIEW = "0123456789abcdef" * 2
RNG = np.random.default_rng(0)
ROWS = 60
FACTORS = RNG.choice([0.0, 0.5, 1.0, 2.3], ROWS)
PART = RNG.integers(0, 3, ROWS)
LENGTHS = RNG.integers(1, 100, ROWS).astype(np.float64)
SHARD = np.repeat(np.arange(6, dtype=np.int32), 10)
DEALER = Dealer(RNG.random((ROWS, 5)) < 0.5, RNG.random(ROWS).astype(np.float32))

GOLDEN = [[5, 2, 11, 9], [3, 4, 7, 10], [0, 1, 6, 8]]
GOLDEN_OF_EVERY_RULE = [[9, 30, 28, 9], [9, 33, 0, 26], [25, 33, 39, 12]]


def plan(
    samples: int = ROWS, size: int = 4, *, drop_last: bool = True, shuffle: bool = True, seed: int = 0, **rules: Any
) -> Plan:
    return Plan(VIEW, samples, seed, size, shuffle, drop_last, Rules(**rules), lambda: DEALER)


def every_rule(size: int = 4, **more: Any) -> Plan:
    rules = {"factors": FACTORS, "part": PART, "shares": (1.0, 2.0, 1.0), "stratified": True}
    rules |= {"shard": SHARD, "block": 2, "lengths": LENGTHS, "window": 3, "stand_ins": 2}
    return plan(size=size, **{**rules, **more})


def batches(plan: Plan, epoch: int = 0) -> list[list[int]]:
    return plan.epoch(epoch).order.reshape(-1, plan.global_batch_size).tolist()


def test_golden_order() -> None:
    """Pinned: an upgrade of anything must not change the order of a training run unseen."""
    assert batches(plan(12, seed=7), 3) == GOLDEN
    assert batches(every_rule(), 3)[:3] == GOLDEN_OF_EVERY_RULE


RULES = st.fixed_dictionaries(
    {},
    optional={
        "factors": st.just(FACTORS), "stratified": st.booleans(), "lengths": st.just(LENGTHS),
        "window": st.integers(1, 9), "stand_ins": st.integers(0, 3), "block": st.integers(1, 7),
        "mixed": st.tuples(*[st.floats(0, 3)] * 3).filter(any),
    },
)  # fmt: skip


@given(
    rules=RULES, width=st.integers(1, 6), world=st.sampled_from([1, 2, 4, 8]), other=st.sampled_from([1, 2, 4, 8]),
    drop=st.booleans(), shuffle=st.booleans(), epoch=st.integers(0, 3), stop=st.integers(0, 4),
)  # fmt: skip
def test_ranks_make_up_the_same_global_batches_wherever_they_stop(
    rules: dict[str, Any], width: int, world: int, other: int, drop: bool, shuffle: bool, epoch: int, stop: int
) -> None:
    rules = dict(rules)
    if "mixed" in rules:
        rules |= {"shares": rules.pop("mixed"), "part": PART}
    rules["shard"] = SHARD
    made = plan(size=8 * width, drop_last=drop, shuffle=shuffle, **rules)
    alone = list(made.epoch(epoch).lane(0, 1))
    assert len(alone) == made.batches(epoch)

    def together(count: int, start: int, behind: int | None) -> list[list[tuple[int, ...]]]:
        lanes = [list(made.epoch(epoch).lane(rank, count, start))[:behind] for rank in range(count)]
        assert len({len(lane) for lane in lanes}) == 1
        return [sorted(chain.from_iterable(map(told, several))) for several in zip(*lanes, strict=True)]

    assert together(world, 0, stop) + together(other, stop, None) == [sorted(told(slots)) for slots in alone]
    if drop:
        assert all((slots.rows != PADDING).all() for slots in alone)
    elif "factors" not in rules and "shares" not in rules:
        assert sorted(row for slots in alone for row in slots.rows if row != PADDING) == list(range(ROWS))


def told(slots: Slots) -> list[tuple[int, ...]]:
    return [
        (row, seed, *more)
        for row, seed, more in zip(slots.rows.tolist(), slots.seeds.tolist(), slots.stand_ins.tolist(), strict=True)
    ]


@pytest.mark.parametrize(("samples", "drop", "count"), [(8, True, 2), (11, True, 2), (11, False, 3), (3, True, 0)])
def test_number_of_batches(samples: int, drop: bool, count: int) -> None:
    made = plan(samples, 4, drop_last=drop)
    assert made.batches(0) == len(made.epoch(0)) == len(list(made.epoch(0).lane(0, 1))) == count


def test_unshuffled_is_the_order_of_the_shards() -> None:
    assert batches(plan(9, 3, shuffle=False), 5) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]


def test_a_sample_comes_as_often_as_it_weighs() -> None:
    made = plan(size=1, factors=FACTORS)
    counts = np.stack([np.bincount(made.epoch(epoch).order, minlength=ROWS) for epoch in range(600)])
    assert np.abs(counts.mean(0) - FACTORS).max() < 5 * 0.5 / np.sqrt(600)
    assert {made.batches(epoch) for epoch in range(600)} == set(counts.sum(1).tolist())


def test_copies_of_a_sample_are_apart() -> None:
    order = plan(size=1, factors=np.full(ROWS, 3.0)).epoch(0).order
    thirds = [np.sort(order[start : start + ROWS]) for start in range(0, 3 * ROWS, ROWS)]
    assert all(third.tolist() == list(range(ROWS)) for third in thirds)


def test_blocks_of_shards_come_one_after_another() -> None:
    made = plan(size=10, shard=SHARD, block=2)
    assert made.mixing_width == 20
    seen = set()
    for start in range(0, ROWS, 20):
        shards = set(SHARD[made.epoch(0).order[start : start + 20]].tolist())
        assert len(shards) == 2
        seen |= shards
    assert seen == set(range(6))
    assert plan().mixing_width == ROWS
    assert plan(shuffle=False).mixing_width == 4
    starts = {int(SHARD[made.epoch(epoch).order[0]]) for epoch in range(20)}
    assert len(starts) > 3, "other shards come first in other epochs"


def test_batches_of_like_length_in_shuffled_order() -> None:
    plain, sorted_ = plan(size=5), plan(size=5, lengths=LENGTHS, window=12)
    width = {made: np.mean([np.ptp(LENGTHS[b]) for b in batches(made)]) for made in (plain, sorted_)}
    assert width[sorted_] < width[plain] / 4
    means = [float(LENGTHS[b].mean()) for b in batches(sorted_)]
    assert means != sorted(means)
    assert sorted(sorted_.epoch(0).order) == list(range(ROWS))


def test_an_incomplete_batch_stays_the_last() -> None:
    made = plan(size=7, drop_last=False, lengths=LENGTHS, window=3)
    for epoch in range(5):
        *whole, last = batches(made, epoch)
        assert all(PADDING not in rows for rows in whole)
        assert last[-3:] == [PADDING] * 3


def test_every_batch_of_a_stratified_mixture_has_the_shares() -> None:
    part = np.repeat([0, 1], [45, 15])
    made = plan(size=8, part=part, shares=(1.0, 1.0), stratified=True)
    for epoch in range(3):
        assert all(abs(int(part[rows].sum()) - 4) <= 1 for rows in batches(made, epoch))
    loose = plan(size=8, part=part, shares=(1.0, 1.0))
    assert any(abs(int(part[rows].sum()) - 4) > 1 for rows in batches(loose))
    assert abs(int(part[loose.epoch(0).order].sum()) - 28) <= 2


@given(size=st.integers(1, 40), epoch=st.integers(0, 3), rules=st.booleans())
def test_stand_ins_come_from_outside_the_batch_and_no_two_slots_share_one(size: int, epoch: int, rules: bool) -> None:
    made = every_rule(size) if rules else plan(size=size, stand_ins=2)
    for slots in made.epoch(epoch).lane(0, 1):
        assert slots.stand_ins.shape == (size, 2)
        found = slots.stand_ins[slots.stand_ins != PADDING]
        assert not np.isin(found, slots.rows).any()
        if not rules:
            assert len(set(found)) == len(found)
            if 3 * size <= ROWS:
                assert (slots.stand_ins != PADDING).all()


def test_stand_ins_are_of_like_length_where_batches_are() -> None:
    made = plan(size=5, lengths=LENGTHS, window=12, stand_ins=1)
    pairs = [(slots.rows, slots.stand_ins[:, 0]) for epoch in range(5) for slots in made.epoch(epoch).lane(0, 1)]
    rows, found = (np.concatenate(column) for column in zip(*pairs, strict=True))
    apart = np.median(np.abs(LENGTHS[rows] - LENGTHS[found])[found != PADDING])
    assert apart < np.median(np.abs(LENGTHS[rows] - LENGTHS[np.roll(rows, 7)])) / 2


def test_stand_ins_change_nothing_else() -> None:
    with_, without = every_rule(), every_rule(stand_ins=0)
    assert batches(with_) == batches(without)
    assert with_.order_fingerprint == without.order_fingerprint


def test_the_fingerprint_covers_every_rule() -> None:
    changed = {
        "factors": FACTORS + 1, "part": PART[::-1].copy(), "shares": (1.0, 1.0, 1.0), "stratified": False, "block": 3,
        "shard": SHARD[::-1].copy(), "lengths": LENGTHS + 1, "window": 4, "shuffle": False, "drop_last": False,
    }  # fmt: skip
    prints = {every_rule(**{name: value}).order_fingerprint for name, value in changed.items()}
    assert len(prints | {every_rule().order_fingerprint}) == len(changed) + 1
