"""The contrast counts the products that have both, and nothing else."""

from __future__ import annotations

import torch
from torch.nn import functional

from m5tools.scale.contrast import contrast_pairs


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
