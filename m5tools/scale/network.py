"""What training and evaluation need of a network, be it SCALE or one it is measured against."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from m5tools.scale.config import ScaleConfig
from m5tools.scale.encoders import Content, Encoded, Words
from m5tools.scale.harmony import Harmony
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MODALITIES, Modality


class Network(nn.Module, ABC):
    """Word vectors and standardised features, and on them the vectors and losses of a batch.

    Attributes:
        modalities: those it has vectors for.
        apart: whether a modality's vector is the same whatever else the product has.
    """

    apart: ClassVar[bool] = True

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        self.config = config
        self.modalities = MODALITIES
        self.words = Words(config)
        self.content = nn.ModuleDict({m.value: Content(config.features(m), config.width) for m in config.of_numbers})

    @property
    def parameter_count(self) -> int:
        """Trained numbers."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def measure_features(self, tokens: Tokens) -> None:
        """Standardise pictures, frames, sound and frozen vectors by the statistics of these products."""
        for modality in self.config.of_numbers:
            part = tokens.parts[modality]
            content = self.content[modality.value]
            assert isinstance(content, Content)
            content.measure(part.values[part.mask])

    def contents(self, tokens: Tokens, modality: Modality) -> Tensor:
        """What the modality's real tokens are, `[T, width]`."""
        part = tokens.parts[modality]
        content = self.content[modality.value] if modality in self.config.of_numbers else self.words
        projected: Tensor = content(part.values[part.mask])
        return projected

    @abstractmethod
    def encode(self, tokens: Tokens, masked: dict[Modality, Tensor] | None = None) -> dict[Modality, Encoded]:
        """Every modality of every product, the tokens in `masked` (bool `[P, L]` a modality) hidden."""

    def known(self, present: Tensor) -> Tensor:
        """Of what is `present`, bool `[B, 5]`, that which has a vector."""
        return present & torch.tensor([m in self.modalities for m in MODALITIES])

    def vectors(self, encoded: dict[Modality, Encoded], tokens: Tokens) -> Tensor:
        """Unit vectors `[B, 5, d]`, zero where a modality is absent."""
        width = next(iter(encoded.values())).z.shape[1]
        z = torch.zeros(len(tokens), len(MODALITIES), width)
        for column, modality in enumerate(MODALITIES):
            if modality in encoded:
                row = tokens.parts[modality].row
                z = z.index_put((row, torch.full_like(row, column)), encoded[modality].z)
        return z

    @abstractmethod
    def forward(
        self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float, harmony: Harmony | None = None
    ) -> Terms:
        """Losses of one batch, its `masked` tokens hidden; `harmony` may scale predictions and pools vectors."""
