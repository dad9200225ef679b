"""Combinations and random losses."""

from __future__ import annotations

import numpy as np
import pytest

from m5tools.tasks import masks

IDS = [f"{i:032x}" for i in range(4000)]


def test_there_are_31_combinations_each_once() -> None:
    names = [masks.name_of(c) for c in masks.COMBINATIONS]
    assert len(set(names)) == 31
    assert names[0] == "image"
    assert names[-1] == "image+text+table+video+audio"


def test_only_what_is_named_and_there_is_left() -> None:
    present = np.array([[True, True, False, False, True], [False, False, True, True, False]])
    assert masks.only(present, "image+table").tolist() == [
        [True, False, False, False, False],
        [False, False, True, False, False],
    ]


@pytest.mark.parametrize("share", [0.2, 0.4, 0.6])
def test_a_share_of_modalities_is_lost_and_none_is_made_up(share: float) -> None:
    present = np.random.default_rng(0).random((len(IDS), 5)) < 0.8
    present[0] = False
    left = masks.thinned(present, masks.draws(IDS, 1), share)
    assert not (left & ~present).any()
    assert (left.any(1) == present.any(1)).all()
    several = present.sum(1) == 5  # with five, hardly ever all are drawn
    assert left[several].mean() == pytest.approx(1 - share, abs=0.03)


def test_losses_are_nested_and_a_function_of_id_and_seed_alone() -> None:
    present = np.ones((len(IDS), 5), bool)
    draw = masks.draws(IDS, 1)
    little, much = masks.thinned(present, draw, 0.2), masks.thinned(present, draw, 0.6)
    assert not (much & ~little).any()
    order = np.random.default_rng(0).permutation(len(IDS))
    np.testing.assert_array_equal(masks.draws([IDS[i] for i in order], 1), draw[order])
    assert (masks.draws(IDS[:5], 2) != draw[:5]).all()
    assert abs(np.corrcoef(draw.T) - np.eye(5)).max() < 0.08
