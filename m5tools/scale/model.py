"""SCALE: five unimodal transformers, a joint co-transformer over what is present, and the tasks on top."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m5tools.scale.config import ScaleConfig
from m5tools.scale.contrast import contrast_pairs
from m5tools.scale.encoders import Encoded, Encoder
from m5tools.scale.fusion import Joint, JointTransformer, contrast_fused
from m5tools.scale.harmony import Harmony
from m5tools.scale.masked import MaskedHeads
from m5tools.scale.network import Network
from m5tools.scale.terms import Terms
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import MODALITIES, Modality


class Scale(Network):
    """The network of M5Product for products of which any modality may be missing.

    Text and table have encoders of their own over the same word vectors.
    """

    def __init__(self, config: ScaleConfig) -> None:
        super().__init__(config)
        self.encoders = nn.ModuleDict({m.value: Encoder(config, m) for m in MODALITIES})
        self.fusion = JointTransformer(config)
        self.heads = MaskedHeads(config)

    def encode(self, tokens: Tokens, masked: dict[Modality, Tensor] | None = None) -> dict[Modality, Encoded]:
        """Unimodal encoders alone. A modality's vectors do not depend on which others are present."""
        return {
            modality: self.encoders[modality.value](
                self.contents(tokens, modality), tokens.parts[modality], None if masked is None else masked[modality]
            )
            for modality in MODALITIES
        }

    def joint(self, encoded: dict[Modality, Encoded], tokens: Tokens) -> Joint:
        """The joint co-transformer on what the encoders made of `tokens`."""
        joint: Joint = self.fusion({m: e.hidden for m, e in encoded.items()}, tokens)
        return joint

    def forward(
        self, tokens: Tokens, masked: dict[Modality, Tensor], temperature: float, harmony: Harmony | None = None
    ) -> Terms:
        """Losses of one batch, its `masked` tokens hidden from all tasks.

        Args:
            harmony: may scale the scores of both kinds of task, and says how a product's vectors are pooled for the
                contrast of the joint vector; without it they are pooled equally.
        """
        encoded = self.encode(tokens, masked)
        z, present = self.vectors(encoded, tokens), tokens.present
        # Cosines keep their digits under autocast: differences of a thousandth decide.
        with torch.autocast(z.device.type, enabled=False):
            scaling = None if harmony is None else harmony.scaling(z, present)
            pair, rows = contrast_pairs(z, present, temperature, scaling=scaling)
            share = present.to(z.dtype) if harmony is None else harmony.pool(z.detach(), present).share
        outputs = {m: e.hidden for m, e in encoded.items()}
        shown = self._shown(present)
        if not torch.equal(shown, present):
            outputs, tokens, masked = _only(shown, outputs, tokens, masked)
        joint: Joint = self.fusion(outputs, tokens)
        if self.config.masked_heads == "joint":
            outputs = joint.hidden
        loss, count = self.heads(outputs, tokens, masked, self.words, self.content, scaling)
        # Every parameter has a part in the losses, also where joint vectors are not trained: ranks wait for each other.
        loss = loss + 0.0 * joint.vector.sum()
        with torch.autocast(z.device.type, enabled=False):
            fused = contrast_fused(joint.vector, z, share, temperature)
        return Terms(pair, rows, loss, count, z=z, present=present, joint=joint.vector, share=share, fused=fused)

    def _shown(self, present: Tensor) -> Tensor:
        """Which present modalities the co-transformer is shown, bool `[B, 5]`: all, but for modality dropout."""
        rate = self.config.modality_dropout
        if not (self.training and rate):
            return present
        draw = torch.rand(present.shape).masked_fill(~present, -1.0)
        # The highest draw is kept whatever the rate: a product is never without any modality.
        return present & ((draw >= rate) | (draw == draw.amax(1, keepdim=True)))


def _only(
    shown: Tensor, outputs: dict[Modality, Tensor], tokens: Tokens, masked: dict[Modality, Tensor]
) -> tuple[dict[Modality, Tensor], Tokens, dict[Modality, Tensor]]:
    """Outputs, tokens and masks of the modalities `shown`, bool `[B, 5]`."""
    kept = {m: shown[part.row, m.bit] for m, part in tokens.parts.items()}
    size = {m: part.mask.sum(1) for m, part in tokens.parts.items()}
    return (
        {m: outputs[m][kept[m].repeat_interleave(size[m])] for m in outputs},
        tokens.only(shown),
        {m: masked[m][kept[m]] for m in masked},
    )
