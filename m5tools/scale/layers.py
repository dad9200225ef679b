"""Transformer layers over sequences of unequal length, laid end to end.

Only real tokens are stored and computed, so a product without sound costs what its other tokens cost. Attention alone
pads: sequences of like length attend together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig

SHORTER: Final = 0.8
"""Sequences shorter than this share of a group's longest may start a group of their own …"""

WORTH: Final = 64
"""… if that saves at least so many tokens of padding: less is not worth another call."""


@dataclass(frozen=True)
class Group:
    """Sequences that attend together, as places in the flat list of tokens.

    Attributes:
        places: int64 `[N * L]`, token by token of the padded sequences; a place without a token holds its sequence's
            first one, which nobody attends to there.
        mask: bool `[N, L]`, None if all are real.
        rows: N.
    """

    places: Tensor
    mask: Tensor | None
    rows: int


@dataclass(frozen=True)
class Layout:
    """How a flat list of tokens is attended to.

    Attributes:
        groups: of sequences.
        order: int64 `[T]`, brings the groups' real tokens back to the order of the list; None if they are in it.
    """

    groups: tuple[Group, ...]
    order: Tensor | None

    @staticmethod
    def of(count: Tensor) -> Layout:
        """Of sequences of `count` tokens each (int64 `[N]`, 0 allowed)."""
        start = count.cumsum(0) - count
        made, real = [], []
        for rows in groups(count):
            step = torch.arange(int(count[rows[0]]))
            mask = step < count[rows, None]
            places = start[rows, None] + step * mask
            full = bool(mask.all())
            made.append(Group(places.flatten(), None if full else mask, len(rows)))
            real.append(places.flatten() if full else places[mask])
        order = torch.argsort(torch.cat(real)) if real else None
        in_order = len(made) == 1 and made[0].mask is None and torch.equal(real[0], torch.arange(len(real[0])))
        return Layout(tuple(made), None if in_order else order)


class Block(nn.Module):
    """One pre-norm transformer layer. All but attention itself is computed on the flat list, without any padding."""

    def __init__(self, config: ScaleConfig, hidden: int) -> None:
        super().__init__()
        width = config.width
        self.heads = config.heads
        self.attention_dropout = config.attention_dropout
        self.attend_norm = nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.feed = FeedForward(width, hidden)
        self.dropout = nn.Dropout(config.dropout)
        # A layer starts as the identity: it refines what the tokens already say instead of blurring it.
        for last in (self.attended, self.feed.down):
            nn.init.zeros_(last.weight)

    def forward(self, flat: Tensor, layout: Layout) -> Tensor:
        """Tokens `[T, width]` to `[T, width]`."""
        inputs = self.queries_keys_values(self.attend_norm(flat))
        mixed = [self._attend(inputs, group, layout.order is None) for group in layout.groups]
        together = torch.cat(mixed) if len(mixed) > 1 else mixed[0] if mixed else inputs[:, : flat.shape[1]]
        if layout.order is not None:
            together = together.index_select(0, layout.order)
        flat = flat + self.dropout(self.attended(together))
        out: Tensor = flat + self.dropout(self.feed(self.feed_norm(flat)))
        return out

    def _attend(self, inputs: Tensor, group: Group, in_order: bool) -> Tensor:
        """Attention within the sequences of a group, to its real tokens `[t, width]`."""
        if not in_order:
            inputs = inputs.index_select(0, group.places)
        split = inputs.view(group.rows, -1, 3, self.heads, inputs.shape[1] // (3 * self.heads))
        query, key, value = split.permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(
            query,
            key,
            value,
            attn_mask=None if group.mask is None else group.mask[:, None, None, :],
            dropout_p=self.attention_dropout if self.training else 0.0,
        )
        together = mixed.transpose(1, 2).flatten(2)
        return together.flatten(0, 1) if group.mask is None else together[group.mask]


class FeedForward(nn.Module):
    """Two linear maps with GELU between them.

    Of the widest tensor of a layer only the form before GELU is kept for the backward pass; the form after it is
    computed again, which costs next to nothing.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        inner = self.up(tokens)
        active = functional.gelu(inner)
        if torch.compiler.is_compiling() or not torch.is_grad_enabled():
            unsaved: Tensor = self.down(active)
            return unsaved
        before, told = inner.detach(), active.data_ptr()

        def pack(saved: Tensor) -> Tensor | torch.Size:
            return saved.shape if saved.data_ptr() == told else saved

        def unpack(kept: Tensor | torch.Size) -> Tensor:
            return kept if isinstance(kept, Tensor) else functional.gelu(before).view(kept)

        with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
            out: Tensor = self.down(active)
        return out


class Layers(nn.Module):
    """A stack of blocks."""

    def __init__(self, config: ScaleConfig, depth: int, hidden: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(Block(config, hidden) for _ in range(depth))

    def forward(self, flat: Tensor, count: Tensor) -> Tensor:
        """Tokens `[T, width]` of sequences of `count` (int64 `[N]`, 0 allowed) tokens each, to `[T, width]`.

        Every block is called once, whatever there is: with `T` 0 too, for another rank may have such tokens.
        """
        layout = Layout.of(count)
        for block in self.blocks:
            flat = block(flat, layout)
        return flat


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
