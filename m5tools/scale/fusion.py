"""The joint co-transformer: attention over the tokens a product really has, of all its modalities together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.config import ScaleConfig
from m5tools.scale.contrast import contrast_pairs
from m5tools.scale.encoders import mean_of
from m5tools.scale.layers import Layers
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MODALITIES, Modality


@dataclass(frozen=True)
class Joint:
    """What the joint co-transformer makes of `B` products.

    Attributes:
        hidden: outputs of the real tokens, `[T_m, width]` a modality, in the order of `part.mask` read row by row.
        vector: `[B, embedding]`, unit length; zero for a product without tokens. It retrieves only where it was
            trained to (`TrainConfig.fused_share`).
    """

    hidden: dict[Modality, Tensor]
    vector: Tensor


class JointTransformer(nn.Module):
    """Concatenation, a type vector a modality, and transformer layers (M5Product)."""

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__()
        self.kind = nn.Parameter(torch.randn(len(MODALITIES), config.width) * 0.02)
        self.layers = Layers(config, config.fusion_layers, config.feedforward * config.width)
        self.norm = nn.LayerNorm(config.width)
        self.to_shared = nn.Linear(config.width, config.embedding)
        nn.init.eye_(self.to_shared.weight)

    def forward(self, hidden: dict[Modality, Tensor], tokens: Tokens) -> Joint:
        """Unimodal outputs of the real tokens, `[T_m, width]` a modality, to joint ones."""
        outputs = through(self.layers, self.norm, {m: x + self.kind[m.bit] for m, x in hidden.items()}, tokens)
        # The mean of the modalities' means: eighty seconds of sound must not drown six words.
        means = torch.stack([mean_of(outputs[m], _owners(tokens, m), len(tokens)) for m in MODALITIES], 1)
        present = tokens.present
        pooled = means.sum(1) / present.sum(1, keepdim=True).clamp_min(1)
        vector = functional.normalize(self.to_shared(pooled).float(), dim=-1) * present.any(1, keepdim=True)
        return Joint(outputs, vector)


def through(layers: Layers, norm: nn.Module, hidden: dict[Modality, Tensor], tokens: Tokens) -> dict[Modality, Tensor]:
    """Attention of all real tokens of each product to each other: `[T_m, width]` a modality to the same."""
    owners = [_owners(tokens, modality) for modality in MODALITIES]
    product = torch.cat(owners)
    order = torch.argsort(product, stable=True)
    flat = torch.cat([hidden[modality] for modality in MODALITIES])
    out = norm(layers(flat.index_select(0, order), torch.bincount(product, minlength=len(tokens))))
    own = out.index_select(0, torch.argsort(order)).split([len(owner) for owner in owners])
    return dict(zip(MODALITIES, own, strict=True))


def _owners(tokens: Tokens, modality: Modality) -> Tensor:
    """The product of each real token, int64 `[T]`."""
    part = tokens.parts[modality]
    return part.row.repeat_interleave(part.mask.sum(1))


def contrast_fused(joint: Tensor, z: Tensor, share: Tensor, temperature: float) -> Tensor:
    """Contrast of the joint vector with the pool of the same product's unimodal vectors, a scalar.

    Args:
        joint: unit vectors `[B, d]`, zero where there is none.
        z: unit vectors `[B, 5, d]`.
        share: what each modality contributes to the pool, `[B, 5]`; a constant, lest the pool pick what is easy.
    """
    pooled = functional.normalize(torch.einsum("bm,bmd->bd", share.detach(), z), dim=-1)
    there = (joint.detach().square().sum(1) > 0) & (share.sum(1) > 0)
    losses, _ = contrast_pairs(torch.stack([joint, pooled], 1), there[:, None].expand(-1, 2), temperature)
    return losses[0, 1]
