"""The weighting rule: bounded, symmetric, noise last, indifferent to order and to what is absent."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional

from m5tools.scale.harmony import RULES, Harmonized, Uniform
from m5tools.scale.terms import Terms

STRENGTH = (1.0, 0.9, 0.6, 0.4, 0.0)


def world(seed: int, rows: int = 256, strength: tuple[float, ...] = STRENGTH) -> tuple[Tensor, Tensor]:
    """Unit vectors that share a factor with the given strength; the last modality is pure noise."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(rows, 1, 32, generator=generator)
    own = torch.randn(rows, 5, 32, generator=generator)
    z = functional.normalize(shared * torch.tensor(strength)[None, :, None] + 0.7 * own, dim=-1)
    present = torch.rand(rows, 5, generator=generator) > 0.2
    return z * present[..., None], present


def measured(z: Tensor, present: Tensor) -> Harmonized:
    harmony = Harmonized()
    harmony.observe(z, present)
    return harmony


@given(st.integers(0, 10_000), st.integers(0, 40))
@settings(max_examples=40, deadline=None)
def test_weights_are_positive_bounded_symmetric_and_average_one(seed: int, rows: int) -> None:
    weights = measured(*world(seed, rows)).weights()
    pairs = weights.pair[~torch.eye(5, dtype=torch.bool)]
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
    assert weights.pair[place][others].max() < weights.pair[others][:, others][~torch.eye(4, dtype=torch.bool)].min()
    complete = present[:, order].all(1)
    share = harmony.pool(z[:, order], present[:, order]).share[complete].mean(0)
    assert share.argmin() == place
    assert share[place] < 0.02


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


@pytest.mark.parametrize("rule", RULES.values())
def test_an_absent_vector_changes_nothing(rule: type[Harmonized]) -> None:
    z, present = world(4)
    garbage = torch.where(present[..., None], z, torch.full_like(z, 3.0))
    clean, dirty = rule(), rule()
    clean.observe(z, present)
    dirty.observe(garbage, present)
    assert torch.equal(clean.strength, dirty.strength)
    assert torch.equal(clean.pool(z, present).fused, dirty.pool(garbage, present).fused)


@pytest.mark.parametrize("rule", RULES.values())
def test_a_product_with_one_modality_is_that_modality(rule: type[Harmonized]) -> None:
    z, present = world(5)
    harmony = rule()
    harmony.observe(z, present)
    for modality in range(5):
        only = torch.zeros(1, 5, dtype=torch.bool)
        only[0, modality] = True
        vectors = functional.normalize(torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(modality)), dim=-1)
        torch.testing.assert_close(harmony.pool(vectors * only[..., None], only).fused, vectors[:, modality])
    nothing = harmony.pool(torch.zeros(1, 5, 32), torch.zeros(1, 5, dtype=torch.bool))
    assert not nothing.fused.any()


def test_a_wrong_caption_is_doubted() -> None:
    z, present = world(6)
    harmony = measured(z, present)
    complete = present.all(1)
    right = z[complete]
    wrong = right.clone()
    wrong[:, 0] = right.roll(1, 0)[:, 0]
    here = present[complete]
    assert (harmony.match(wrong, here)[:, 0] < harmony.match(right, here)[:, 0]).float().mean() > 0.9


def test_statistics_are_averaged_and_restored() -> None:
    harmony = Harmonized()
    for seed in range(8):
        harmony.observe(*world(seed))
    before = harmony.strength.clone()
    z, present = world(8)
    fresh = measured(z, present).strength
    harmony.observe(z, present)
    torch.testing.assert_close(harmony.strength, before + 0.2 * (fresh - before))
    restored = Harmonized()
    restored.load_state_dict(harmony.state_dict())
    assert torch.equal(restored.weights().pair, harmony.weights().pair)


def test_totals_are_means_of_weighted_terms() -> None:
    counts = torch.full((5, 5), 9)
    terms = Terms(pair=1 - torch.eye(5), pair_rows=counts, masked=torch.ones(5), masked_tokens=counts[0])
    objective = Uniform().objective(terms, 0.3)
    torch.testing.assert_close(objective.contrast, torch.tensor(1.0))
    torch.testing.assert_close(objective.masked, torch.tensor(1.0))
    torch.testing.assert_close(objective.loss, torch.tensor(1.3))
