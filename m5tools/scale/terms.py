"""The losses of one batch, before anything weighs them.

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
class Terms:
    """Losses of one batch and what each was averaged over.

    Attributes:
        pair: `[5, 5]`, contrast of modalities i and j; symmetric, 0 on the diagonal and without two products.
        pair_rows: int64 `[5, 5]`, products with both.
        masked: `[5]`, masked task of each modality, 0 without masked tokens.
        masked_tokens: int64 `[5]`.
        z, present: unit vectors `[B, 5, d]` and bool `[B, 5]`: what the contrast was taken of.
    """

    pair: Tensor
    pair_rows: Tensor
    masked: Tensor
    masked_tokens: Tensor
    z: Tensor = field(default_factory=_none)
    present: Tensor = field(default_factory=_none)
