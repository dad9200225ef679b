"""Transformer layers over sequences of unequal length, laid end to end.

Only real tokens are stored. Sequences of like length are padded and computed together, so a product without sound
costs what its other tokens cost, and absent tokens are neither attended to nor computed.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig

SHORTER: Final = 0.8
"""Sequences shorter than this share of a group's longest may start a group of their own …"""

WORTH: Final = 64
"""… if that saves at least so many tokens of padding: less is not worth another pass through the layers."""


class Block(nn.Module):
    """One pre-norm transformer layer; keys outside the mask are not attended to."""

    def __init__(self, config: ScaleConfig, hidden: int) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attention_dropout = config.attention_dropout
        self.attend_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Linear(hidden, width))
        self.dropout = nn.Dropout(config.dropout)
        # A layer starts as the identity: it refines what the tokens already say instead of blurring it.
        for last in (self.attended, self.feed[2]):
            assert isinstance(last, nn.Linear)
            nn.init.zeros_(last.weight)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """`hidden` `[N, L, width]`; `mask` bool `[N, L]` with at least one True a row, None if all are."""
        n, length, width = hidden.shape
        split = self.queries_keys_values(self.attend_norm(hidden)).view(n, length, 3, self.heads, width // self.heads)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if mask is None else mask[:, None, None, :],
            dropout_p=self.attention_dropout if self.training else 0.0,
        )
        hidden = hidden + self.dropout(self.attended(mixed.transpose(1, 2).reshape(n, length, width)))
        out: Tensor = hidden + self.dropout(self.feed(self.feed_norm(hidden)))
        return out


class Layers(nn.Module):
    """A stack of blocks."""

    def __init__(self, config: ScaleConfig, depth: int, hidden: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config, hidden) for _ in range(depth))

    def forward(self, flat: Tensor, count: Tensor) -> Tensor:
        """Tokens `[T, width]` of sequences of `count` (int64 `[N]`, 0 allowed) tokens each, to `[T, width]`."""
        if not len(flat):
            # Nothing is computed, but every parameter has a part in it: another rank may have such tokens.
            return self._through(flat[None], None)[0]
        start = count.cumsum(0) - count
        outputs, places = [], []
        for rows in groups(count):
            length = int(count[rows[0]])
            step = torch.arange(length)
            mask = step < count[rows, None]
            # A place without a token holds its sequence's first one, which nobody attends to there.
            place = start[rows, None] + step * mask
            full = bool(mask.all())
            packed = flat.index_select(0, place.flatten()).view(len(rows), length, -1)
            packed = self._through(packed, None if full else mask)
            outputs.append(packed.flatten(0, 1) if full else packed[mask])
            places.append(place.flatten() if full else place[mask])
        return torch.cat(outputs).index_select(0, torch.argsort(torch.cat(places)))

    def _through(self, packed: Tensor, mask: Tensor | None) -> Tensor:
        for block in self.blocks:
            packed = block(packed, mask)
        return packed


def groups(count: Tensor) -> list[Tensor]:
    """Numbers of the sequences that have tokens, in groups of like length, the longest first in each."""
    order = torch.argsort(count, descending=True, stable=True)
    lengths = [length for length in count[order].tolist() if length]
    first, cuts = 0, [0]
    for i, length in enumerate(lengths):
        longest = lengths[first]
        if length < SHORTER * longest and (longest - length) * (len(lengths) - i) >= WORTH:
            cuts.append(i)
            first = i
    return [order[a:b] for a, b in zip(cuts, [*cuts[1:], len(lengths)], strict=True) if b > a]
