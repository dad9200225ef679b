"""The losses of one batch, before anything weighs them, and what may scale its logits.

All have a common scale, so that weights mean importance: a cross-entropy is divided by the logarithm of the
vocabulary, a squared error is taken on features of variance 1. Both start near 1.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor


def _none() -> Tensor:
    return torch.zeros(())


@dataclass(frozen=True)
class Scaling:
    """Factors of the scores of `B` products, for the rules that weigh these and not the losses.

    Attributes:
        pair: `[B, 5, 5]`; entry (n, i, j) multiplies the logits with which modality i of product n looks for its
            modality j.
        masked: `[B, 5]`; entry (n, i) multiplies the predictions of product n's masked tokens of modality i.
    """

    pair: Tensor
    masked: Tensor


@dataclass(frozen=True)
class Terms:
    """Losses of one batch and what each was averaged over.

    Attributes:
        pair: `[5, 5]`, contrast of modalities i and j; symmetric, 0 on the diagonal and without two products.
        pair_rows: int64 `[5, 5]`, products with both.
        masked: `[5]`, masked task of each modality, 0 without masked tokens.
        masked_tokens: int64 `[5]`.
        z, present: unit vectors `[B, 5, d]` and bool `[B, 5]`: what the contrast was taken of.
        joint: unit vectors `[B, d]` of the joint co-transformer.
        share: `[B, 5]`, what each modality contributes to the pool that the joint vectors are contrasted with.
        fused: scalar, that contrast.
        consensus: scalar, contrast of each modality with the mean of the others; 0 where it was not asked for.
    """

    pair: Tensor
    pair_rows: Tensor
    masked: Tensor
    masked_tokens: Tensor
    z: Tensor = field(default_factory=_none)
    present: Tensor = field(default_factory=_none)
    joint: Tensor = field(default_factory=_none)
    share: Tensor = field(default_factory=_none)
    fused: Tensor = field(default_factory=_none)
    consensus: Tensor = field(default_factory=_none)
