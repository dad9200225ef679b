"""The default rule: bounded, symmetric, noise last, indifferent to order."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from m5tools.scale.harmony import Uniform
from m5tools.scale.harmony.harmonized import corroborated

from .vectors import measured, with_shared_nuisance, world

OFF_DIAGONAL = ~torch.eye(5, dtype=torch.bool)


@given(st.integers(0, 10_000), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_weights_are_positive_bounded_symmetric_and_average_one(seed: int, rows: int) -> None:
    weights = measured(*world(seed, rows)).weights()
    pairs = weights.pair[OFF_DIAGONAL]
    assert (pairs > 0).all()
    assert (pairs <= 10).all()
    assert (weights.masked > 0).all()
    assert (weights.masked <= 5).all()
    assert float(pairs.mean()) == pytest.approx(1, abs=1e-5)
    assert float(weights.masked.mean()) == pytest.approx(1, abs=1e-5)
    assert torch.equal(weights.pair, weights.pair.T)


@pytest.mark.parametrize("place", range(5))
def test_noise_comes_last_in_both_families_and_in_the_vector(place: int) -> None:
    z, present = world(1)
    order = list(range(4))
    order.insert(place, 4)
    harmony = measured(z[:, order], present[:, order])
    weights = harmony.weights()
    others = [i for i in range(5) if i != place]
    assert weights.masked.argmin() == place
    assert weights.pair[place][others].max() < weights.pair[others][:, others][OFF_DIAGONAL[:4, :4]].min()
    complete = present[:, order].all(1)
    share = harmony.pool(z[:, order], present[:, order]).share[complete].mean(0)
    assert share.argmin() == place
    assert share[place] < 0.02


def test_two_noises_that_share_a_nuisance_come_last() -> None:
    z, present = with_shared_nuisance(3)
    harmony = measured(z, present)
    # The trap: as measured these two agree most, and the mean of D puts them first.
    assert harmony.strength.sum(1)[3:].min() > harmony.strength.sum(1)[:3].max()
    weights = harmony.weights()
    assert weights.masked[3:].max() < weights.masked[:3].min()
    assert weights.pair[3:].max() < weights.pair[:3, :3][OFF_DIAGONAL[:3, :3]].min()
    share = harmony.pool(z, present).share[present.all(1)].mean(0)
    assert share[3:].max() < 0.02


@given(st.lists(st.floats(0, 3), min_size=10, max_size=10))
@settings(deadline=None)
def test_corroboration_only_ever_takes_away(values: list[float]) -> None:
    strength = _symmetric(values)
    backed = corroborated(strength)
    assert (backed <= strength + 1e-6).all()
    assert (backed >= 0).all()
    assert torch.equal(backed, backed.T)
    assert not backed.diagonal().any()


def test_two_modalities_alone_keep_their_agreement() -> None:
    strength = torch.zeros(5, 5)
    strength[1, 2] = strength[2, 1] = 1.3
    assert torch.equal(corroborated(strength), strength)


def test_where_all_agree_alike_nothing_is_taken_away() -> None:
    strength = 1.1 * OFF_DIAGONAL
    assert torch.equal(corroborated(strength), strength)


def test_permuting_modalities_permutes_weights() -> None:
    z, present = world(2)
    order = [3, 0, 4, 1, 2]
    plain, moved = measured(z, present).weights(), measured(z[:, order], present[:, order]).weights()
    torch.testing.assert_close(moved.masked, plain.masked[order])
    torch.testing.assert_close(moved.pair, plain.pair[order][:, order])


def test_without_any_pair_weights_are_uniform() -> None:
    z, _ = world(3)
    alone = torch.zeros(256, 5, dtype=torch.bool)
    alone[:, 2] = True
    for rows in (0, 1, 256):
        weights = measured(z[:rows], alone[:rows]).weights()
        uniform = Uniform().weights()
        torch.testing.assert_close(weights.pair, uniform.pair)
        torch.testing.assert_close(weights.masked, uniform.masked)


def test_a_wrong_caption_is_doubted() -> None:
    z, present = world(6)
    harmony = measured(z, present)
    complete = present.all(1)
    right = z[complete]
    wrong = right.clone()
    wrong[:, 0] = right.roll(1, 0)[:, 0]
    here = present[complete]
    assert (harmony.match(wrong, here)[:, 0] < harmony.match(right, here)[:, 0]).float().mean() > 0.9


def _symmetric(values: list[float]) -> Tensor:
    out = torch.zeros(5, 5)
    first, second = torch.triu_indices(5, 5, offset=1)
    out[first, second] = torch.tensor(values)
    return out + out.T
