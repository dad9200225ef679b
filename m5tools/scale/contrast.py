"""The contrastive task: each modality of a product finds the product's other ones among those of other products."""

from __future__ import annotations

import torch
from torch import Tensor

from m5tools.scale.terms import Scaling


def contrast_pairs(
    z: Tensor, present: Tensor, temperature: float, scaling: Scaling | None = None
) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE of every pair of modalities over the products that have both.

    Args:
        z: unit vectors `[B, M, d]`.
        present: bool `[B, M]`.
        scaling: what multiplies each product's scores.

    Returns:
        Losses `[M, M]` and numbers of products `[M, M]`; a pair with fewer than two products has loss 0.
    """
    modalities = present.shape[1]
    first, second = torch.triu_indices(modalities, modalities, offset=1)
    both = (present[:, first] & present[:, second]).T
    logits = torch.einsum("bpd,cpd->pbc", z[:, first], z[:, second]) / temperature
    if scaling is not None:
        logits = logits * scaling.pair[:, first, second].T[:, :, None]
    matched = logits.diagonal(dim1=1, dim2=2)
    # A large negative number, not minus infinity: a column of nothing but infinities has no gradient but NaN.
    logits = logits.masked_fill(~(both[:, :, None] & both[:, None, :]), -1e9)
    each = (torch.logsumexp(logits, 2) + torch.logsumexp(logits, 1)) / 2 - matched
    rows = both.sum(1)
    loss = torch.where(both, each, 0.0).sum(1) / rows.clamp_min(1) * (rows >= 2)
    losses = z.new_zeros(modalities, modalities).index_put((first, second), loss)
    counts = rows.new_zeros(modalities, modalities).index_put((first, second), rows)
    return losses + losses.T, counts + counts.T
