"""The masked tasks: hidden words, entities, regions, frames, seconds and frozen vectors, told from what is left."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig
from m5tools.scale.encoders import Content, Words
from m5tools.scale.terms import Scaling
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MODALITIES, Modality


class MaskedHeads(nn.Module):
    """Predict hidden tokens from what the co-transformer, or an encoder, made of their places."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        of_words = (m for m in MODALITIES if m not in config.of_numbers)
        self.to_word = nn.ModuleDict({m.value: nn.Linear(config.width, config.width) for m in of_words})
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))
        self.to_features = nn.ModuleDict(
            {m.value: nn.Linear(config.width, config.features(m)) for m in config.of_numbers}
        )

    def forward(
        self,
        outputs: dict[Modality, Tensor],
        tokens: Tokens,
        masked: dict[Modality, Tensor],
        words: Words,
        content: nn.ModuleDict,
        scaling: Scaling | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Loss of each modality `[5]` (mean over its masked tokens) and the number of these `[5]`.

        Args:
            outputs: of the real tokens, `[T, width]` a modality; only hidden places are ever projected to words.
            scaling: what multiplies the predictions of each product's modality.
        """
        losses, counts = [], []
        for column, modality in enumerate(MODALITIES):
            part = tokens.parts[modality]
            hide = masked[modality]
            chosen = outputs[modality][hide[part.mask]]
            target = part.values[hide]
            scale = None
            if scaling is not None:
                scale = scaling.masked[part.row.repeat_interleave(hide.sum(1)), column, None]
            if modality.value in self.to_features:
                measure = content[modality.value]
                assert isinstance(measure, Content)
                predicted = self.to_features[modality.value](chosen)
                predicted = predicted if scale is None else predicted * scale
                loss = (predicted - measure.standardised(target)).square().mean(1)
            else:
                logits = functional.linear(self.to_word[modality.value](chosen), words.weight, self.bias)
                logits = logits if scale is None else logits * scale
                loss = _word_loss(logits, target if target.ndim == 2 else target[:, None]) / math.log(len(self.bias))
            losses.append(loss.sum() / max(len(loss), 1))
            counts.append(len(loss))
        return torch.stack(losses), torch.tensor(counts)


def _word_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Mean cross-entropy of the words `[n, W]` (-1 for none) of each hidden token, `[n]`."""
    real = target >= 0
    surprise = logits.logsumexp(1, keepdim=True) - logits.gather(1, target.clamp_min(0))
    return (surprise * real).sum(1) / real.sum(1).clamp_min(1)
