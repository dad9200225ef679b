"""The unimodal encoders: each modality's own transformer, and its vector in the shared space."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from m5tools.scale.config import ScaleConfig
from m5tools.scale.tokens import Part
from m5tools.vocabulary import Modality


class Block(nn.Module):
    """One pre-norm transformer layer; keys outside the mask are not attended to."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attend_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, config.feedforward * width),
            nn.GELU(),
            nn.Linear(config.feedforward * width, width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """`hidden` `[N, L, width]`, `mask` bool `[N, L]` with at least one True a row."""
        n, length, width = hidden.shape
        split = self.queries_keys_values(self.attend_norm(hidden)).view(n, length, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None, None, :])
        hidden = hidden + self.dropout(self.attended(mixed.transpose(1, 2).reshape(n, length, width)))
        return hidden + self.dropout(self.feed(self.feed_norm(hidden)))


class Content(nn.Module):
    """What a token of picture, frame or sound is: its features, standardised and projected to the width.

    The mean and deviation of every feature are measured once, on the calibration rows, and kept in buffers: the
    masked tasks need targets of unit variance for their losses to be comparable.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("deviation", torch.ones(features))
        self.project = nn.Linear(features, width)

    def measure(self, values: Tensor) -> None:
        """Set mean and deviation from tokens `[T, F]`; fewer than two tokens leave them as they are."""
        if len(values) > 1:
            self.mean.copy_(values.float().mean(0))
            self.deviation.copy_(values.float().std(0).clamp_min(1e-3))

    def standardised(self, values: Tensor) -> Tensor:
        """Features of mean 0 and variance 1, `[..., F]`."""
        return (values.float() - self.mean) / self.deviation

    def forward(self, values: Tensor) -> Tensor:
        projected: Tensor = self.project(self.standardised(values))
        return projected


class Place(nn.Module):
    """Where a token is. In a table: which pair, and whether it names or tells (role), as two learned vectors."""

    def __init__(self, config: ScaleConfig, modality: Modality) -> None:
        super().__init__()
        self.in_pairs = modality is Modality.TABLE
        self.first = nn.Embedding(config.table_pairs if self.in_pairs else config.tokens(modality), config.width)
        self.role = nn.Embedding(2, config.width) if self.in_pairs else None
        for table in (self.first, self.role):
            if table is not None:
                nn.init.normal_(table.weight, std=0.02)

    def forward(self, place: Tensor) -> Tensor:
        if self.role is None:
            position: Tensor = self.first(place)
            return position
        pair_and_role: Tensor = self.first(place // 2) + self.role(place % 2)
        return pair_and_role


@dataclass(frozen=True)
class Encoded:
    """One modality of the `P` products that have it.

    Attributes:
        hidden: `[P, L, width]`, meaningful where the part's mask is True.
        z: `[P, embedding]`, unit length.
    """

    hidden: Tensor
    z: Tensor


class Encoder(nn.Module):
    """One modality's transformer over a class token and the modality's own tokens."""

    def __init__(self, config: ScaleConfig, modality: Modality) -> None:
        super().__init__()
        self.place = Place(config, modality)
        self.whole = nn.Parameter(torch.randn(config.width) * 0.02)
        self.hidden_token = nn.Parameter(torch.randn(config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.encoder_layers))
        self.norm = nn.LayerNorm(config.width)
        self.to_shared = nn.Linear(config.width, config.embedding)

    def forward(self, content: Tensor, part: Part, masked: Tensor | None) -> Encoded:
        """`content` `[P, L, width]`; tokens in `masked` (bool `[P, L]`) are replaced by one learned vector."""
        if masked is not None:
            content = torch.where(masked[..., None], self.hidden_token, content)
        hidden = content + self.place(part.place)
        hidden = torch.cat([self.whole.expand(len(hidden), 1, -1), hidden], dim=1)
        mask = F.pad(part.mask, (1, 0), value=True)
        for block in self.blocks:
            hidden = block(hidden, mask)
        # A class token alone learns clearly more slowly than the mean over it and the tokens.
        pooled = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
        return Encoded(hidden[:, 1:], F.normalize(self.to_shared(self.norm(pooled)), dim=-1))
