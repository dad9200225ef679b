"""The joint co-transformer: attention over the tokens a product really has, of all its modalities together.

Real tokens are packed to the front of one sequence a product, so an absent modality takes no place at all, and the
sequence is only as long as the fullest product of the batch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m5tools.scale.config import ScaleConfig
from m5tools.scale.encoders import Block
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MODALITIES, Modality


class JointTransformer(nn.Module):
    """Concatenation, a type vector a modality, and transformer layers (M5Product)."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.randn(len(MODALITIES), config.width) * 0.02)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.fusion_layers))
        self.norm = nn.LayerNorm(config.width)

    def forward(self, hidden: dict[Modality, Tensor], tokens: Tokens) -> dict[Modality, Tensor]:
        """Unimodal outputs `[P, L, width]` to joint outputs of the real tokens, `[T_m, width]` a modality.

        The order of `T_m` is that of `part.mask` read row by row.
        """
        flat, owner, sizes = [], [], []
        for column, modality in enumerate(MODALITIES):
            part = tokens.parts[modality]
            real = hidden[modality][part.mask] + self.kind[column]
            flat.append(real)
            owner.append(part.row.repeat_interleave(part.mask.sum(1)))
            sizes.append(len(real))
        product = torch.cat(owner)
        count = torch.bincount(product, minlength=len(tokens))
        slot = _position_within(product, count)
        length = int(count.max()) if len(product) else 1
        joint = torch.cat(flat)
        packed = joint.new_zeros(len(tokens), length, joint.shape[1]).index_put((product, slot), joint)
        mask = torch.arange(length) < count[:, None]
        # A product without any token would leave its softmax without a key; its output is never read.
        mask[:, 0] |= count == 0
        for block in self.blocks:
            packed = block(packed, mask)
        out = self.norm(packed[product, slot])
        return dict(zip(MODALITIES, out.split(sizes), strict=True))


def _position_within(product: Tensor, count: Tensor) -> Tensor:
    """Number of each token among the tokens of its product, in the given order."""
    order = torch.argsort(product, stable=True)
    first = count.cumsum(0) - count
    position = torch.empty_like(product)
    position[order] = torch.arange(len(product)) - first[product[order]]
    return position
