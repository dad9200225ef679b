"""Tokens of incomplete products: for every modality, only the products that have it.

A :class:`Part` stores the rows where a modality is present and nothing else, so an absent modality cannot be
attended to, contrasted or reconstructed: there is nothing to find.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from m5tools.vocabulary import MODALITIES, Modality


@dataclass(frozen=True)
class Part:
    """One modality of a set of products, `P` of which have it.

    Attributes:
        values: what the tokens are, zero where `mask` is False. Text: int64 `[P, L]` numbers in the vocabulary, or -1.
            Table: int64 `[P, L, W]`, one token a name or a value (names at even, values at odd places), made of up
            to W words, -1 where it has fewer. Image, video: uint8 `[P, L, F]`. Audio: float32 `[P, L, F]`.
        mask: bool `[P, L]`, True for real tokens; every row has at least one.
        row: int64 `[P]`, the product of each row, ascending.
    """

    values: Tensor
    mask: Tensor
    row: Tensor


@dataclass(frozen=True)
class Tokens:
    """Tokens of `B` products.

    Attributes:
        ids: product ids.
        parts: one :class:`Part` a modality, in the fixed order.
        category: int64 `[B]`, -1 when unknown.
        cluster: int64 `[B]`, same-product cluster in the whole folder, -1 when it stands alone.
    """

    ids: tuple[str, ...]
    parts: dict[Modality, Part]
    category: Tensor
    cluster: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def present(self) -> Tensor:
        """bool `[B, 5]`: which modalities have at least one token."""
        out = torch.zeros(len(self), len(MODALITIES), dtype=torch.bool)
        for column, modality in enumerate(MODALITIES):
            out[self.parts[modality].row, column] = True
        return out

    @property
    def nbytes(self) -> int:
        """Bytes the tensors take."""
        return sum(t.nbytes for part in self.parts.values() for t in (part.values, part.mask, part.row))

    def select(self, rows: Tensor) -> Tokens:
        """The products `rows` (int64 `[R]`), in that order."""
        parts = {}
        for modality, part in self.parts.items():
            slot_of = torch.full((len(self),), -1)
            slot_of[part.row] = torch.arange(len(part.row))
            slot = slot_of[rows]
            row = torch.nonzero(slot >= 0).flatten()
            slot = slot[row]
            parts[modality] = Part(part.values[slot], part.mask[slot], row)
        ids = tuple(self.ids[i] for i in rows.tolist())
        return Tokens(ids, parts, self.category[rows], self.cluster[rows])

    def only(self, kept: Tensor) -> Tokens:
        """The same products with no other modalities than `kept`, bool `[B, 5]`."""
        parts = {}
        for column, modality in enumerate(MODALITIES):
            part = self.parts[modality]
            here = kept[part.row, column]
            parts[modality] = Part(part.values[here], part.mask[here], part.row[here])
        return replace(self, parts=parts)

    @staticmethod
    def join(several: Sequence[Tokens]) -> Tokens:
        """The products of several sets, one set after the other."""
        starts = [0]
        for tokens in several:
            starts.append(starts[-1] + len(tokens))
        parts = {}
        for modality in MODALITIES:
            pieces = [tokens.parts[modality] for tokens in several]
            parts[modality] = Part(
                torch.cat([piece.values for piece in pieces]),
                torch.cat([piece.mask for piece in pieces]),
                torch.cat([piece.row + start for piece, start in zip(pieces, starts, strict=False)]),
            )
        return Tokens(
            tuple(name for tokens in several for name in tokens.ids),
            parts,
            torch.cat([tokens.category for tokens in several]),
            torch.cat([tokens.cluster for tokens in several]),
        )


def pack(values: Tensor, row: Tensor, length: int) -> Part:
    """Lay a flat list of tokens out as one row a product.

    Args:
        values: `[T]` or `[T, …]`, ordered by product.
        row: int64 `[T]`, ascending: the product of each token.
        length: tokens kept of a product, the first ones.
    """
    owners, counts = torch.unique_consecutive(row, return_counts=True)
    first = torch.cumsum(counts, 0) - counts
    position = torch.arange(len(row)) - torch.repeat_interleave(first, counts)
    index = torch.repeat_interleave(torch.arange(len(owners)), counts)
    kept = position < length
    index, position = index[kept], position[kept]
    shape = (len(owners), length)
    packed = values.new_zeros(shape + values.shape[1:])
    packed[index, position] = values[kept]
    mask = torch.zeros(shape, dtype=torch.bool)
    mask[index, position] = True
    return Part(packed, mask, owners)
