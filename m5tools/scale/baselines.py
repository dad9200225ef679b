"""What SCALE is measured against: other networks on the same tokens, of the same depth and width.

All have the two faces of :class:`~m5tools.scale.network.Network`: `forward` gives losses that any rule can weigh (the
uniform one is theirs), `vectors` gives vectors that any rule can pool. Where a network has one vector a product, it
stands in the place of each modality that the product has, so the pool is that vector. Where it has one loss in place
of the ten contrasts, that stands in the place of each pair, so their mean is that loss.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig
from m5tools.scale.contrast import contrast_pairs
from m5tools.scale.encoders import Encoded, Encoder, Place, mean_of
from m5tools.scale.fusion import through
from m5tools.scale.harmony import Harmony
from m5tools.scale.layers import Layers
from m5tools.scale.masked import MaskedHeads
from m5tools.scale.network import Network
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Part, Tokens
from m5tools.vocabulary import MODALITIES, Modality


def as_deep(config: ScaleConfig) -> ScaleConfig:
    """The shape whose encoders are as deep as encoder and co-transformer of SCALE together."""
    return config.model_copy(update={"encoder_layers": config.encoder_layers + config.fusion_layers})


class Unimodal(Network):
    """Encoders that never meet: one modality alone, or late fusion of several.

    Each learns its masked task, and to find a product whose tokens are partly hidden by the whole product, within
    the modality. Late fusion sets the vectors side by side: the cosine of two products is the mean of what the
    modalities say that both have.
    """

    def __init__(self, config: ScaleConfig, modalities: tuple[Modality, ...] = MODALITIES) -> None:
        super().__init__(as_deep(config))
        self.modalities = modalities
        self.encoders = nn.ModuleDict({m.value: Encoder(self.config, m) for m in modalities})
        self.heads = MaskedHeads(self.config)
        for modality in self.config.of_numbers:
            self.content[modality.value].requires_grad_(modality in modalities)

    def encode(self, tokens: Tokens, masked: dict[Modality, Tensor] | None = None) -> dict[Modality, Encoded]:
        """The network's own modalities only."""
        return {
            m: self.encoders[m.value](
                self.contents(tokens, m), tokens.parts[m], None if masked is None else masked[m]
            )
            for m in self.modalities
        }  # fmt: skip

    def vectors(self, encoded: dict[Modality, Encoded], tokens: Tokens) -> Tensor:
        """Unit vectors `[B, 5, modalities * embedding]`, each modality's in columns of its own."""
        z = super().vectors(encoded, tokens)
        blocks = z.new_zeros(*z.shape[:2], len(self.modalities), z.shape[2])
        for block, modality in enumerate(self.modalities):
            blocks[:, modality.bit, block] = z[:, modality.bit]
        return blocks.flatten(2)

    def forward(
        self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float, harmony: Harmony | None = None
    ) -> Terms:
        """Losses; the contrast of two modalities is the mean of their own."""
        partly, whole = self.encode(tokens, masked), self.encode(tokens)
        views = [partly[m].z for m in self.modalities], [whole[m].z for m in self.modalities]
        own = [_two_views(a, b, temperature) for a, b in zip(*views, strict=True)]
        mean = torch.stack(own).mean()
        column = torch.stack([own[self.modalities.index(m)] if m in self.modalities else mean for m in MODALITIES])
        pair = (column[:, None] + column) / 2 * (1 - torch.eye(len(MODALITIES)))
        kept = torch.tensor([m in self.modalities for m in MODALITIES]).expand(len(tokens), -1)
        mine = {m: partly[m].hidden if m in partly else self.words.weight[:0] for m in MODALITIES}
        seen, hidden = tokens.only(kept), {m: masked[m][kept[tokens.parts[m].row, m.bit]] for m in MODALITIES}
        loss, count = self.heads(mine, seen, hidden, self.words, self.content)
        return Terms(pair, rows_of(tokens), loss, count)


class PairwiseContrast(Network):
    """CLIP extended to five modalities: encoders and the contrast of every pair, no masked task, no fusion."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__(as_deep(config))
        self.encoders = nn.ModuleDict({m.value: Encoder(self.config, m) for m in MODALITIES})
        for modality in MODALITIES:
            self.encoders[modality.value].hidden_token.requires_grad_(False)

    def encode(self, tokens: Tokens, masked: dict[Modality, Tensor] | None = None) -> dict[Modality, Encoded]:
        """Nothing is ever hidden."""
        return {m: self.encoders[m.value](self.contents(tokens, m), tokens.parts[m], None) for m in MODALITIES}

    def forward(
        self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float, harmony: Harmony | None = None
    ) -> Terms:
        """The contrast of every pair."""
        z, present = self.vectors(self.encode(tokens), tokens), tokens.present
        with torch.autocast(z.device.type, enabled=False):
            pair, rows = contrast_pairs(z, present, temperature)
        return Terms(pair, rows, *_no_masked(), z=z, present=present)


class Alone(nn.Module):
    """A modality's tokens before they meet others: content, place, and layers of its own."""

    def __init__(self, config: ScaleConfig, modality: Modality, depth: int) -> None:
        super().__init__()
        self.place = Place(config, modality)
        self.hidden_token = nn.Parameter(torch.randn(config.width) * 0.02)
        self.layers = Layers(config, depth, config.hidden(modality))

    def forward(self, content: Tensor, part: Part, masked: Tensor | None) -> Tensor:
        """As :class:`~m5tools.scale.encoders.Encoder`, without a class token or vector: `[T, width]`."""
        if masked is not None:
            content = torch.where(masked[part.mask][:, None], self.hidden_token, content)
        return self.layers(content + self.place(part.mask.nonzero()[:, 1]), part.mask.sum(1))  # type: ignore[no-any-return]


class Together(Network):
    """A network with one vector a product: the mean of what its modalities' tokens came to."""

    apart: ClassVar[bool] = False

    def __init__(self, config: ScaleConfig, own_layers: int) -> None:
        super().__init__(config)
        self.encoders = nn.ModuleDict({m.value: Alone(config, m, own_layers) for m in MODALITIES})
        self.heads = MaskedHeads(config)

    def alone(self, tokens: Tokens, masked: dict[Modality, Tensor] | None) -> dict[Modality, Tensor]:
        """Outputs of the real tokens before the modalities meet, `[T, width]` each."""
        hidden = {m: None if masked is None else masked[m] for m in MODALITIES}
        return {
            m: self.encoders[m.value](self.contents(tokens, m), tokens.parts[m], hidden[m]) for m in MODALITIES
        }  # fmt: skip

    @abstractmethod
    def meet(self, alone: dict[Modality, Tensor], tokens: Tokens) -> dict[Modality, Tensor]:
        """Outputs of the real tokens after the modalities met, `[T, width]` each."""

    def encode(self, tokens: Tokens, masked: dict[Modality, Tensor] | None = None) -> dict[Modality, Encoded]:
        """Every modality that a product has gets the product's one vector."""
        outputs = self.meet(self.alone(tokens, masked), tokens)
        own = {m: tokens.parts[m].row.repeat_interleave(tokens.parts[m].mask.sum(1)) for m in MODALITIES}
        means = torch.stack([mean_of(outputs[m], own[m], len(tokens)) for m in MODALITIES], 1)
        vector = functional.normalize(means.sum(1), dim=-1)
        return {m: Encoded(outputs[m], vector[tokens.parts[m].row]) for m in MODALITIES}


class Concatenation(Together):
    """One transformer over all tokens, masked tasks alone (UNITER-like)."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__(config, own_layers=0)
        self.kind = nn.Parameter(torch.randn(len(MODALITIES), config.width) * 0.02)
        self.layers = Layers(config, as_deep(config).encoder_layers, config.feedforward * config.width)
        self.norm = nn.LayerNorm(config.width)

    def meet(self, alone: dict[Modality, Tensor], tokens: Tokens) -> dict[Modality, Tensor]:
        """All tokens attend to all."""
        return through(self.layers, self.norm, {m: x + self.kind[m.bit] for m, x in alone.items()}, tokens)

    def forward(
        self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float, harmony: Harmony | None = None
    ) -> Terms:
        """The masked tasks."""
        outputs = self.meet(self.alone(tokens, masked), tokens)
        loss, count = self.heads(outputs, tokens, masked, self.words, self.content)
        return Terms(loss.new_zeros(5, 5), rows_of(tokens), loss, count)


def rows_of(tokens: Tokens) -> Tensor:
    """Products with both, int64 `[5, 5]`, as contrasts count them."""
    here = tokens.present.long()
    return (here.T @ here) * (1 - torch.eye(len(MODALITIES), dtype=torch.int64))


def _no_masked() -> tuple[Tensor, Tensor]:
    return torch.zeros(len(MODALITIES)), torch.zeros(len(MODALITIES), dtype=torch.int64)


def _two_views(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Contrast of two views of the same products, unit vectors `[P, d]`."""
    both = torch.stack([first, second], 1)
    with torch.autocast(both.device.type, enabled=False):
        losses, _ = contrast_pairs(both, torch.ones(len(first), 2, dtype=torch.bool), temperature)
    return losses[0, 1]
