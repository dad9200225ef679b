"""The contrast counts the products that have both, and nothing else."""

from __future__ import annotations

import torch
from torch.nn import functional

from m5tools.scale.contrast import contrast_consensus, contrast_pairs
from m5tools.scale.terms import Scaling


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


def test_factors_multiply_the_logits_of_the_product_that_looks() -> None:
    z, present = vectors(7), torch.ones(7, 5, dtype=torch.bool)
    pair = torch.rand(7, 5, 5, generator=torch.Generator().manual_seed(2)) + 0.5
    loss, _ = contrast_pairs(z, present, 0.1, scaling=Scaling(pair, torch.ones(7, 5)))
    target = torch.arange(7)
    logits = z[:, 1] @ z[:, 3].T / 0.1
    there = functional.cross_entropy(logits * pair[:, 1, 3, None], target)
    back = functional.cross_entropy(logits.T * pair[:, 3, 1, None], target)
    torch.testing.assert_close(loss[1, 3], (there + back) / 2)
    plain, _ = contrast_pairs(z, present, 0.1)
    ones, _ = contrast_pairs(z, present, 0.1, scaling=Scaling(torch.ones(7, 5, 5), torch.ones(7, 5)))
    torch.testing.assert_close(ones, plain)


def test_consensus_is_the_weighted_mean_of_the_others() -> None:
    z = vectors(9)
    present = torch.rand(9, 5, generator=torch.Generator().manual_seed(3)) > 0.3
    z = z * present[..., None]
    worth = torch.tensor([1.0, 0.5, 2.0, 0.0, 1.0])
    wanted = []
    for i in range(5):
        rows = [n for n in range(9) if present[n, i] and present[n].sum() >= 2]
        others = [j for j in range(5) if j != i]
        mean = functional.normalize((worth[others, None] * z[rows][:, others]).sum(1), dim=-1)
        logits = z[rows, i] @ mean.T / 0.2
        target = torch.arange(len(rows))
        wanted.append((functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)) / 2)
    torch.testing.assert_close(contrast_consensus(z, present, 0.2, worth), torch.stack(wanted).mean())


def test_a_product_alone_has_no_consensus_to_find() -> None:
    z = vectors(4).requires_grad_()
    alone = torch.eye(4, 5, dtype=torch.bool)
    loss = contrast_consensus(z * alone[..., None], alone, 0.1, torch.ones(5))
    loss.backward()
    assert float(loss) == 0
    assert z.grad is not None
    assert not z.grad.any()
