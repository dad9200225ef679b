"""What SCALE learns from: five masked tasks on the joint output, and a contrast for every pair of modalities.

All losses have a common scale, so that weights mean importance: a cross-entropy is divided by the logarithm of the
vocabulary, a squared error is taken on features of variance 1. Both start near 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig
from m5tools.scale.encoders import Content, Words
from m5tools.scale.harmony import Weights
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MEDIA, MODALITIES, Modality


@dataclass(frozen=True)
class Terms:
    """Losses of one batch and what each was averaged over.

    Attributes:
        pair: `[5, 5]`, contrast of modalities i and j; symmetric, 0 on the diagonal and without two products.
        pair_rows: int64 `[5, 5]`, products with both.
        masked: `[5]`, masked task of each modality, 0 without masked tokens.
        masked_tokens: int64 `[5]`.
    """

    pair: Tensor
    pair_rows: Tensor
    masked: Tensor
    masked_tokens: Tensor

    def contrast(self, weights: Weights) -> Tensor:
        """Mean of the weighted pair losses over all pairs."""
        return (weights.pair * self.pair).sum() / (len(self.masked) * (len(self.masked) - 1))

    def reconstruction(self, weights: Weights) -> Tensor:
        """Mean of the weighted masked losses over all modalities."""
        return (weights.masked * self.masked).mean()


def draw_masks(tokens: Tokens, share: float, generator: torch.Generator) -> dict[Modality, Tensor]:
    """Tokens to hide, bool `[P, L]` a modality. In a table that is a whole name or a whole value."""
    return {
        modality: part.mask & (torch.rand(part.mask.shape, generator=generator) < share)
        for modality, part in tokens.parts.items()
    }


def contrast_pairs(z: Tensor, present: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Symmetric InfoNCE of every pair of modalities over the products that have both.

    Args:
        z: unit vectors `[B, M, d]`.
        present: bool `[B, M]`.

    Returns:
        Losses `[M, M]` and numbers of products `[M, M]`; a pair with fewer than two products has loss 0.
    """
    modalities = present.shape[1]
    first, second = torch.triu_indices(modalities, modalities, offset=1)
    both = (present[:, first] & present[:, second]).T
    logits = torch.einsum("bpd,cpd->pbc", z[:, first], z[:, second]) / temperature
    matched = logits.diagonal(dim1=1, dim2=2)
    # A large negative number, not minus infinity: a column of nothing but infinities has no gradient but NaN.
    logits = logits.masked_fill(~(both[:, :, None] & both[:, None, :]), -1e9)
    each = (torch.logsumexp(logits, 2) + torch.logsumexp(logits, 1)) / 2 - matched
    rows = both.sum(1)
    loss = torch.where(both, each, 0.0).sum(1) / rows.clamp_min(1) * (rows >= 2)
    losses = z.new_zeros(modalities, modalities).index_put((first, second), loss)
    counts = rows.new_zeros(modalities, modalities).index_put((first, second), rows)
    return losses + losses.T, counts + counts.T


class MaskedHeads(nn.Module):
    """Predict hidden tokens from the joint output, hence from all the product's modalities (M5Product, Eq. 1)."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        self.to_word = nn.ModuleDict(
            {m.value: nn.Linear(config.width, config.width) for m in (Modality.TEXT, Modality.TABLE)}
        )
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.to_features = nn.ModuleDict({m.value: nn.Linear(config.width, config.features(m)) for m in MEDIA})

    def forward(
        self,
        joint: dict[Modality, Tensor],
        tokens: Tokens,
        masked: dict[Modality, Tensor],
        words: Words,
        content: nn.ModuleDict,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each modality `[5]` (mean over its masked tokens) and the number of these `[5]`."""
        losses, counts = [], []
        for modality in MODALITIES:
            part = tokens.parts[modality]
            chosen = joint[modality][masked[modality][part.mask]]
            target = part.values[masked[modality]]
            if modality in MEDIA:
                measure = content[modality.value]
                assert isinstance(measure, Content)
                predicted = self.to_features[modality.value](chosen)
                loss = (predicted - measure.standardised(target)).square().mean(1)
            else:
                logits = functional.linear(self.to_word[modality.value](chosen), words.weight, self.bias)
                loss = _word_loss(logits, target if target.ndim == 2 else target[:, None]) / math.log(len(self.bias))
            losses.append(loss.sum() / max(len(loss), 1))
            counts.append(len(loss))
        return torch.stack(losses), torch.tensor(counts)


def _word_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of the words `[n, W]` (-1 for none) of each hidden token, `[n]`."""
    real = target >= 0
    surprise = -functional.log_softmax(logits, 1).gather(1, target.clamp_min(0))
    return (surprise * real).sum(1) / real.sum(1).clamp_min(1)
