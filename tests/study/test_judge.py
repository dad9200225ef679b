"""What is taken away at test time, and which places count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from m5tools.study.config import Cell
from m5tools.study.judge import PLACES, REMOVALS, WHOLE, Removal, _hits, _mismatch, _without, judge
from m5tools.study.learn import learn
from m5tools.study.world import World
from m5tools.vocabulary import Modality

TOGETHER = [Modality.VIDEO.bit, Modality.AUDIO.bit]


@pytest.fixture
def world(small: Cell) -> World:
    config = small.world.model_copy(update={"queries": 600, "missing": 0.1, "missing_together": 0.0})
    return World(config, small.seed)


def test_video_and_sound_go_together_and_nothing_else_does(world: World) -> None:
    before = world.queries.present.numpy()
    after = _without(world.queries, Removal(0.4, together=True), np.random.default_rng(0)).present.numpy()
    others = [m.bit for m in Modality if m.bit not in TOGETHER]
    assert (after[:, others] == before[:, others]).all()
    both = before[:, TOGETHER].all(1) & before[:, others].any(1)
    assert set(after[both][:, TOGETHER].sum(1)) == {0, 2}
    assert (~after[both][:, TOGETHER].any(1)).mean() == pytest.approx(0.4, abs=0.08)


@pytest.mark.parametrize("removal", REMOVALS, ids=str)
def test_every_listing_keeps_something_it_had(world: World, removal: Removal) -> None:
    before = world.queries.present.numpy()
    after = _without(world.queries, removal, np.random.default_rng(0)).present.numpy()
    assert after.any(1).all()
    assert (after <= before).all()
    assert (after != before).any() == (removal is not WHOLE)


@pytest.mark.parametrize("values", [2, 40, 10**6], ids=lambda count: f"{count} values")
def test_the_first_places_are_those_of_a_stable_sort(values: int) -> None:
    rng = np.random.default_rng(values)
    score = rng.integers(0, values, (200, 90)).astype(np.float32)
    score[np.arange(90), np.arange(90)] = -np.inf
    right = rng.random(score.shape) < 0.2
    sorted_ = np.argsort(-score, axis=1, kind="stable")[:, :PLACES]
    assert (_hits(score, right) == np.take_along_axis(right, sorted_, axis=1)).all()


def test_bands_are_weighed_by_their_queries_into_the_whole(small: Cell) -> None:
    world = World(small.world, small.seed)
    found = judge(small, world, learn(small, world))["scores"]["rho_q"]
    assert list(found) == [str(removal) for removal in REMOVALS]
    category = world.queries.category.numpy()
    ends = {"head": 1, "middle": 3, "tail": small.world.classes}
    total, start = 0.0, 0
    for band, end in ends.items():
        count = int(((category >= start) & (category < end)).sum())
        total += count * found["0%"][f"instance@10 {band}"] if count else 0.0
        start = end
    assert total / len(category) == pytest.approx(found["0%"]["instance@10"])


@dataclass(frozen=True)
class Wrong:
    """What of a world tells which modalities show another product."""

    strange: Any


def test_the_area_of_mismatch_is_that_of_scikit_learn() -> None:
    draws = np.random.default_rng(4)
    strange, match = draws.random((300, 5)) < 0.1, draws.random((300, 5)).astype(np.float32)
    match[strange] *= 0.6
    strange[:, 4] = False
    present = draws.random((300, 5)) < 0.8
    wanted = {
        m.value: roc_auc_score(strange[here, m.bit], 1 - match[here, m.bit])
        for m in list(Modality)[:4]
        if (here := present[:, m.bit]).any()
    }
    found: Any = _mismatch(Wrong(strange), match, present)  # type: ignore[arg-type]
    assert found == pytest.approx(wanted)
    assert 0.6 < found["image"] < 0.9
