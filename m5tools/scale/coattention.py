"""A baseline of two streams, words (text, table) and perception (picture, film, sound), that attend to each other.

ViLBERT-like: modalities have layers of their own, then each stream asks the other. It learns the masked tasks, and to
tell a product's two streams from those of two products.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.baselines import Together, rows_of
from m5tools.scale.config import ScaleConfig
from m5tools.scale.harmony import Harmony
from m5tools.scale.layers import FeedForward
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MEDIA, MODALITIES, Modality

STREAMS = (tuple(m for m in MODALITIES if m not in MEDIA), MEDIA)


class CoBlock(nn.Module):
    """One stream's layer: it asks the other stream, then feeds forward. Pre-norm."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.own_norm, self.other_norm, self.feed_norm = (nn.LayerNorm(config.width) for _ in range(3))
        self.query, self.attended = (nn.Linear(config.width, config.width) for _ in range(2))
        self.keys_values = nn.Linear(config.width, 2 * config.width)
        self.feed = FeedForward(config.width, config.feedforward * config.width)
        self.dropout = nn.Dropout(config.dropout)
        for last in (self.attended, self.feed.down):
            nn.init.zeros_(last.weight)

    def forward(self, own: Tensor, other: Tensor, known: Tensor) -> Tensor:
        """`own` `[N, L, width]` asks `other` `[N, K, width]`, of which `known` (bool `[N, K]`) is real."""
        rows, length, width = own.shape
        # Who has nobody to ask asks a place that is no token, and hears nothing.
        some = known.any(1)
        mask = known | ~some[:, None]
        query = self.query(self.own_norm(own)).view(rows, length, self.heads, -1).transpose(1, 2)
        pairs = self.keys_values(self.other_norm(other)).view(rows, -1, 2, self.heads, width // self.heads)
        key, value = pairs.permute(2, 0, 3, 1, 4)
        heard = functional.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None])
        heard = self.attended(heard.transpose(1, 2).reshape(own.shape)) * some[:, None, None]
        own = own + self.dropout(heard)
        out: Tensor = own + self.dropout(self.feed(self.feed_norm(own)))
        return out


class CoAttended(Together):
    """The network; a stream is one padded sequence a product."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__(config, own_layers=config.encoder_layers)
        self.blocks = nn.ModuleList(
            nn.ModuleList(CoBlock(config) for _ in STREAMS) for _ in range(config.fusion_layers)
        )
        self.norm = nn.LayerNorm(config.width)
        self.aligned = nn.Linear(config.width, 1)

    def meet(self, alone: dict[Modality, Tensor], tokens: Tokens) -> dict[Modality, Tensor]:
        """Each stream asks the other, layer by layer."""
        streams = [Stream.of(alone, tokens, own) for own in STREAMS]
        words, perception = self._ask(*streams)
        return {**streams[0].apart(words), **streams[1].apart(perception)}

    def forward(
        self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float, harmony: Harmony | None = None
    ) -> Terms:
        """The masked tasks, and alignment: each product's words with its own perception, and with the next one's."""
        alone = self.alone(tokens, masked)
        words, perception = (Stream.of(alone, tokens, own) for own in STREAMS)
        outputs = self._ask(words, perception)
        apart = {**words.apart(outputs[0]), **perception.apart(outputs[1])}
        loss, count = self.heads(apart, tokens, masked, self.words, self.content)
        both = torch.nonzero(words.mask.any(1) & perception.mask.any(1)).flatten()
        said_of, shown, other = words.take(both), perception.take(both), perception.take(both.roll(1))
        false = self._ask(said_of, other)
        score = torch.cat(
            [
                self._score(outputs[0][both], said_of.mask, outputs[1][both], shown.mask),
                self._score(false[0], said_of.mask, false[1], other.mask),
            ]
        )
        said = torch.arange(2) == 0
        surprise = functional.binary_cross_entropy_with_logits(
            score, said.repeat_interleave(len(both)).to(score.dtype), reduction="sum"
        )
        # In units of chance, as other losses are. One product alone has none to be mistaken for.
        alignment = surprise / (math.log(2) * max(2 * len(both), 1)) * (len(both) >= 2)
        return Terms(alignment * (1 - torch.eye(len(MODALITIES))), rows_of(tokens), loss, count)

    def _ask(self, words: Stream, perception: Stream) -> tuple[Tensor, Tensor]:
        left, right = words.tokens, perception.tokens
        for pair in self.blocks:
            assert isinstance(pair, nn.ModuleList)
            left, right = pair[0](left, right, perception.mask), pair[1](right, left, words.mask)
        return self.norm(left), self.norm(right)

    def _score(self, words: Tensor, words_mask: Tensor, perception: Tensor, perception_mask: Tensor) -> Tensor:
        """Does it belong together? From the product of the streams' means, `[N]`."""
        score: Tensor = self.aligned(_mean(words, words_mask) * _mean(perception, perception_mask))[:, 0]
        return score


@dataclass(frozen=True)
class Stream:
    """Some modalities of `B` products, one padded sequence a product.

    Attributes:
        tokens: `[B, L, width]`.
        masks: bool `[B, L_m]` a modality, True for real tokens.
    """

    tokens: Tensor
    masks: dict[Modality, Tensor]

    @property
    def mask(self) -> Tensor:
        """bool `[B, L]`."""
        return torch.cat(list(self.masks.values()), 1)

    @staticmethod
    def of(alone: dict[Modality, Tensor], tokens: Tokens, modalities: tuple[Modality, ...]) -> Stream:
        """Outputs of the real tokens `[T, width]` laid out as sequences."""
        masks, laid = {}, []
        for modality in modalities:
            part, flat = tokens.parts[modality], alone[modality]
            mask = torch.zeros(len(tokens), part.mask.shape[1], dtype=torch.bool)
            mask[part.row] = part.mask
            laid.append(flat.new_zeros(*mask.shape, flat.shape[1]).masked_scatter(mask[..., None], flat))
            masks[modality] = mask
        return Stream(torch.cat(laid, 1), masks)

    def take(self, rows: Tensor) -> Stream:
        """The same of some products."""
        return Stream(self.tokens[rows], {m: mask[rows] for m, mask in self.masks.items()})

    def apart(self, outputs: Tensor) -> dict[Modality, Tensor]:
        """Outputs `[B, L, width]` of the real tokens, `[T, width]` a modality."""
        pieces = torch.split(outputs, [mask.shape[1] for mask in self.masks.values()], 1)
        return {m: piece[mask] for (m, mask), piece in zip(self.masks.items(), pieces, strict=True)}


def _mean(tokens: Tensor, mask: Tensor) -> Tensor:
    return (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True).clamp_min(1)
