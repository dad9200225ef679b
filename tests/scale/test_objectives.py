"""Losses count what is there, and nothing else."""

from __future__ import annotations

import torch
from torch.nn import functional

from m5tools.scale.config import MODELS
from m5tools.scale.harmony import Uniform
from m5tools.scale.objectives import Terms, contrast_pairs, draw_masks
from m5tools.vocabulary import MODALITIES

from .test_tokens import tokenizer_of
from .world import World, make_batch


def vectors(rows: int) -> torch.Tensor:
    return functional.normalize(torch.randn(rows, 5, 16, generator=torch.Generator().manual_seed(0)), dim=-1)


def test_contrast_equals_the_textbook_on_the_rows_that_have_both() -> None:
    z = vectors(12)
    present = torch.rand(12, 5, generator=torch.Generator().manual_seed(1)) > 0.3
    loss, rows = contrast_pairs(z, present, 0.1)
    for i in range(5):
        for j in range(5):
            both = present[:, i] & present[:, j]
            if i != j and both.sum() >= 2:
                logits = z[both, i] @ z[both, j].T / 0.1
                target = torch.arange(int(both.sum()))
                wanted = (functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2
                torch.testing.assert_close(loss[i, j], wanted)
                assert rows[i, j] == both.sum()
    assert not loss.diagonal().any()
    assert torch.equal(loss, loss.T)


def test_a_pair_seen_on_one_row_costs_nothing_and_breaks_nothing() -> None:
    z = vectors(6).requires_grad_()
    present = torch.zeros(6, 5, dtype=torch.bool)
    present[0, 0] = present[0, 1] = True
    loss, rows = contrast_pairs(z, present, 0.1)
    loss.sum().backward()
    assert not loss.any()
    assert rows[0, 1] == 1
    assert z.grad is not None
    assert not z.grad.any()


def test_masks_hide_real_tokens_only_at_the_asked_rate(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokens = tokenizer_of(batch)(batch)
    masks = draw_masks(tokens, 0.15, torch.Generator().manual_seed(0))
    hidden = sum(int(masks[m].sum()) for m in MODALITIES)
    real = sum(int(tokens.parts[m].mask.sum()) for m in MODALITIES)
    assert all(not (masks[m] & ~tokens.parts[m].mask).any() for m in MODALITIES)
    assert 0.12 < hidden / real < 0.18


def test_totals_are_means_of_weighted_terms() -> None:
    terms = Terms(
        pair=1 - torch.eye(5), pair_rows=torch.full((5, 5), 9), masked=torch.ones(5), masked_tokens=torch.full((5,), 9)
    )
    weights = Uniform().weights()
    torch.testing.assert_close(terms.contrast(weights), torch.tensor(1.0))
    torch.testing.assert_close(terms.reconstruction(weights), torch.tensor(1.0))


def test_study_stays_within_48_tokens() -> None:
    assert sum(MODELS["study"].tokens(m) for m in MODALITIES) <= 48
