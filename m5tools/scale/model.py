"""SCALE: five unimodal transformers, a joint co-transformer over what is present, and the tasks on top."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m5tools.scale.config import ScaleConfig
from m5tools.scale.contrast import contrast_pairs
from m5tools.scale.encoders import Content, Encoded, Encoder, Words
from m5tools.scale.fusion import JointTransformer
from m5tools.scale.masked import MaskedHeads
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MEDIA, MODALITIES, Modality


class Scale(nn.Module):
    """The network of M5Product for products of which any modality may be missing.

    Text and table have encoders of their own over the same word vectors.
    """

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        self.config = config
        self.words = Words(config)
        self.content = nn.ModuleDict({m.value: Content(config.features(m), config.width) for m in MEDIA})
        self.encoders = nn.ModuleDict({m.value: Encoder(config, m) for m in MODALITIES})
        self.fusion = JointTransformer(config)
        self.heads = MaskedHeads(config)

    @property
    def parameter_count(self) -> int:
        """Trained numbers."""
        return sum(p.numel() for p in self.parameters())

    def measure_features(self, tokens: Tokens) -> None:
        """Standardise pictures, frames and sound by the statistics of these products."""
        for modality in MEDIA:
            part = tokens.parts[modality]
            content = self.content[modality.value]
            assert isinstance(content, Content)
            content.measure(part.values[part.mask])

    def encode(self, tokens: Tokens, masked: dict[Modality, Tensor] | None = None) -> dict[Modality, Encoded]:
        """Unimodal encoders alone. A modality's vectors do not depend on which others are present."""
        encoded = {}
        for modality in MODALITIES:
            part = tokens.parts[modality]
            content = self.content[modality.value] if modality in MEDIA else self.words
            hide = None if masked is None else masked[modality]
            encoded[modality] = self.encoders[modality.value](content(part.values), part, hide)
        return encoded

    def vectors(self, encoded: dict[Modality, Encoded], tokens: Tokens) -> Tensor:
        """Unit vectors `[B, 5, embedding]`, zero where a modality is absent."""
        z = torch.zeros(len(tokens), len(MODALITIES), self.config.embedding)
        for column, modality in enumerate(MODALITIES):
            row = tokens.parts[modality].row
            z = z.index_put((row, torch.full_like(row, column)), encoded[modality].z)
        return z

    def forward(self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float) -> Terms:
        """Losses of one batch, its `masked` tokens hidden from all tasks."""
        encoded = self.encode(tokens, masked)
        z, present = self.vectors(encoded, tokens), tokens.present
        pair, rows = contrast_pairs(z, present, temperature)
        joint = self.fusion({m: e.hidden for m, e in encoded.items()}, tokens)
        loss, count = self.heads(joint, tokens, masked, self.words, self.content)
        return Terms(pair, rows, loss, count, z=z, present=present)
