"""The masked tasks: hidden words, table entities, regions, frames and seconds, told from the joint output."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig
from m5tools.scale.encoders import Content, Words
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MEDIA, MODALITIES, Modality


def draw_masks(tokens: Tokens, share: float, generator: torch.Generator) -> dict[Modality, Tensor]:
    """Tokens to hide, bool `[P, L]` a modality. In a table that is a whole name or a whole value."""
    return {
        modality: part.mask & (torch.rand(part.mask.shape, generator=generator) < share)
        for modality, part in tokens.parts.items()
    }


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
