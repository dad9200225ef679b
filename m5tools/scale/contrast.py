"""The contrastive tasks: each modality of a product finds the product's other ones among those of other products."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from m5tools.scale.terms import Scaling


def contrast_pairs(
    z: Tensor, present: Tensor, temperature: float, scaling: Scaling | None = None
) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE of every pair of modalities over the products that have both.

    Args:
        z: unit vectors `[B, M, d]`.
        present: bool `[B, M]`.
        scaling: factors of the products' logits.

    Returns:
        Losses `[M, M]` and numbers of products `[M, M]`; a pair with fewer than two products has loss 0.
    """
    modalities = present.shape[1]
    first, second = torch.triu_indices(modalities, modalities, offset=1)
    both = (present[:, first] & present[:, second]).T
    factors = None if scaling is None else (scaling.pair[:, first, second].T, scaling.pair[:, second, first].T)
    loss, rows = _info_nce(z[:, first], z[:, second], both, temperature, factors)
    losses = z.new_zeros(modalities, modalities).index_put((first, second), loss)
    counts = rows.new_zeros(modalities, modalities).index_put((first, second), rows)
    return losses + losses.T, counts + counts.T


def contrast_consensus(z: Tensor, present: Tensor, temperature: float, worth: Tensor) -> Tensor:
    """Symmetric InfoNCE of each modality and the mean of the product's others, over those that have any: a scalar.

    Args:
        z: unit vectors `[B, M, d]`, 0 where absent.
        present: bool `[B, M]`.
        worth: `[M]`, weights of the mean.

    Returns:
        The mean over modalities; one with fewer than two products counts as 0.
    """
    modalities = present.shape[1]
    weight = worth * present.to(z.dtype)
    others = (weight[:, :, None] * z).sum(1, keepdim=True) - weight[:, :, None] * z
    accompanied = present & (present.sum(1, keepdim=True) >= 2)
    loss, _ = _info_nce(z, functional.normalize(others, dim=-1), accompanied.T, temperature)
    return loss.sum() / modalities


def _info_nce(
    first: Tensor, second: Tensor, both: Tensor, temperature: float, factors: tuple[Tensor, Tensor] | None = None
) -> tuple[Tensor, Tensor]:
    """Loss and number of rows, `[P]`, of `P` pairs of vectors `[B, P, d]` over the rows in `both`, bool `[P, B]`.

    `factors`, two `[P, B]`, multiply the logits with which the first looks for the second, and the other way round.
    """
    logits = torch.einsum("bpd,cpd->pbc", first, second) / temperature
    matched = logits.diagonal(dim1=1, dim2=2)
    # A large negative number, not minus infinity: a column of nothing but infinities has no gradient but NaN.
    apart = ~(both[:, :, None] & both[:, None, :])
    if factors is None:
        logits = logits.masked_fill(apart, -1e9)
        each = (torch.logsumexp(logits, 2) + torch.logsumexp(logits, 1)) / 2 - matched
    else:
        there = (logits * factors[0][:, :, None]).masked_fill(apart, -1e9)
        back = (logits * factors[1][:, None, :]).masked_fill(apart, -1e9)
        each = (torch.logsumexp(there, 2) + torch.logsumexp(back, 1) - matched * (factors[0] + factors[1])) / 2
    rows = both.sum(1)
    return torch.where(both, each, 0.0).sum(1) / rows.clamp_min(1) * (rows >= 2), rows
