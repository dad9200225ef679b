"""What all rules share, and what makes each of the others what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from m5tools.scale.contrast import contrast_pairs
from m5tools.scale.harmony import RULES, Harmony, LogVariance, Paper, Released, Uniform
from m5tools.scale.terms import Terms

from .vectors import observed, world

every_rule = pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))


def terms(pair: float = 1.0, masked: Tensor | None = None) -> Terms:
    counts = torch.full((5, 5), 9)
    return Terms(pair * (1 - torch.eye(5)), counts, torch.ones(5) if masked is None else masked, counts[0])


@every_rule
def test_an_absent_vector_changes_nothing(rule: type[Harmony]) -> None:
    z, present = world(4)
    garbage = torch.where(present[..., None], z, torch.full_like(z, 3.0))
    clean, dirty = observed(rule, z, present), observed(rule, garbage, present)
    assert torch.equal(clean.strength, dirty.strength)
    assert torch.equal(clean.pool(z, present).fused, dirty.pool(garbage, present).fused)
    plain, odd = clean.scaling(z, present), dirty.scaling(garbage, present)
    if plain is not None and odd is not None:
        both = present[:, :, None] & present[:, None, :]
        assert torch.equal(plain.pair[both], odd.pair[both])
        assert torch.equal(plain.masked[present], odd.masked[present])


@every_rule
def test_a_product_with_one_modality_is_that_modality(rule: type[Harmony]) -> None:
    harmony = observed(rule, *world(5))
    for modality in range(5):
        only = torch.zeros(1, 5, dtype=torch.bool)
        only[0, modality] = True
        vectors = functional.normalize(torch.randn(1, 5, 32, generator=torch.Generator().manual_seed(modality)), dim=-1)
        torch.testing.assert_close(harmony.pool(vectors * only[..., None], only).fused, vectors[:, modality])
    nothing = harmony.pool(torch.zeros(1, 5, 32), torch.zeros(1, 5, dtype=torch.bool))
    assert not nothing.fused.any()


@every_rule
def test_weights_carry_no_gradient_and_are_symmetric(rule: type[Harmony]) -> None:
    weights = observed(rule, *world(6)).weights()
    assert not weights.pair.requires_grad
    assert not weights.masked.requires_grad
    assert torch.equal(weights.pair, weights.pair.T)
    assert not weights.pair.diagonal().any()


@every_rule
def test_a_batch_without_positives_is_no_trouble(rule: type[Harmony]) -> None:
    z = functional.normalize(torch.randn(6, 5, 16), dim=-1)
    present = torch.eye(6, 5, dtype=torch.bool)
    z = (z * present[..., None]).requires_grad_()
    harmony = observed(rule, z.detach(), present)
    pair, rows = contrast_pairs(z, present, 0.1, scaling=harmony.scaling(z, present))
    loss = harmony.objective(Terms(pair, rows, torch.zeros(5), torch.zeros(5, dtype=torch.int64)), 0.3).loss
    assert bool(torch.isfinite(loss))
    if loss.requires_grad:
        loss.backward()
        assert z.grad is None or bool(torch.isfinite(z.grad).all())


@every_rule
def test_rules_are_restored_from_their_state(rule: type[Harmony]) -> None:
    harmony = observed(rule, *world(7))
    with torch.no_grad():
        for parameter in harmony.parameters():
            parameter.add_(0.3)
    restored = rule()
    restored.load_state_dict(harmony.state_dict())
    assert torch.equal(restored.weights().pair, harmony.weights().pair)
    assert torch.equal(restored.weights().masked, harmony.weights().masked)


def test_totals_are_means_of_weighted_terms() -> None:
    objective = Uniform().objective(terms(), 0.3)
    torch.testing.assert_close(objective.contrast, torch.tensor(1.0))
    torch.testing.assert_close(objective.masked, torch.tensor(1.0))
    torch.testing.assert_close(objective.loss, torch.tensor(1.3))
    more = replace(terms(), fused=torch.tensor(2.0), consensus=torch.tensor(4.0))
    torch.testing.assert_close(Uniform().objective(more, 0.3, 0.5, 0.25).loss, torch.tensor(3.3))
    # A term that nobody asked for cannot matter, whatever it holds.
    assert float(Uniform().objective(replace(more, fused=torch.tensor(torch.nan)), 0.3).loss) == pytest.approx(1.3)


def test_free_scores_fall_below_zero_and_take_the_objective_along() -> None:
    rule = Paper()
    optimiser = torch.optim.SGD(rule.parameters(), lr=1.0)
    first = rule.objective(terms(), 1.0).loss.item()
    for _ in range(300):
        optimiser.zero_grad()
        rule.objective(terms(), 1.0).loss.backward()
        optimiser.step()
    assert first == 0
    assert rule.objective(terms(), 1.0).loss.item() < -0.05
    assert rule.weights().pair.max() <= 0
    assert bool((rule.weights().masked < 0).all())
    with torch.no_grad():
        rule.score.fill_(-1e9)
    assert bool(torch.isfinite(rule.objective(terms(), 1.0).loss))


def test_free_scores_scale_all_products_alike() -> None:
    rule = Paper()
    with torch.no_grad():
        rule.score.copy_(torch.arange(25.0).view(5, 5) / 25)
    z, present = world(8, rows=4)
    scaling = rule.scaling(z, present)
    assert torch.equal(scaling.pair[0], scaling.pair[3])
    softmax = torch.softmax(rule.score, 1)
    torch.testing.assert_close(scaling.pair[0, 1, 3], (rule.score * softmax)[1, 3])
    torch.testing.assert_close(scaling.pair[0, 3, 1], (rule.score * softmax)[1, 3])
    torch.testing.assert_close(scaling.masked[0], (rule.score * softmax).diagonal())


def test_the_released_rule_favours_the_odd_one_out_in_masked_tasks() -> None:
    aligned = functional.normalize(torch.randn(1, 1, 16, generator=torch.Generator().manual_seed(0)), dim=-1)
    odd = torch.randn(1, 1, 16, generator=torch.Generator().manual_seed(1))
    odd = functional.normalize(odd - (odd * aligned).sum() * aligned, dim=-1)
    z = torch.cat([aligned.expand(1, 4, 16), odd], 1)
    scaling = Released().scaling(z, torch.ones(1, 5, dtype=torch.bool))
    assert scaling.masked[0, 4] > 0.8
    assert bool((scaling.masked[0, :4] < 0.6).all())
    assert scaling.pair[0, :4, 4].max() < 0.7 * scaling.pair[0, 0, 1]
    torch.testing.assert_close(scaling.pair.square().sum(2), torch.ones(1, 5))


def test_an_easy_loss_earns_a_high_weight_by_log_variance() -> None:
    rule = LogVariance()
    optimiser = torch.optim.SGD(rule.parameters(), lr=0.5)
    losses = terms(masked=torch.tensor([1.0, 1.0, 1.0, 1.0, 0.1]))
    for _ in range(400):
        optimiser.zero_grad()
        rule.objective(losses, 1.0).loss.backward()
        optimiser.step()
    torch.testing.assert_close(rule.weights().masked, torch.tensor([1.0, 1.0, 1.0, 1.0, 10.0]), rtol=0.05, atol=0)


def test_a_task_without_tokens_is_not_declared_certain() -> None:
    rule = LogVariance()
    counts = torch.zeros(5, 5, dtype=torch.int64)
    rule.objective(Terms(torch.zeros(5, 5), counts, torch.zeros(5), counts[0]), 1.0).loss.backward()
    assert all(p.grad is None or not p.grad.any() for p in rule.parameters())
