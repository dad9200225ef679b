"""The default: weights by measured alignment, so that noise comes last in both families of tasks and in the vector.

One matrix D of alignment strength gives the pair weights and masked-task weights of training, and the weights with
which a product's vectors are pooled. Nothing here is a trained parameter, so nothing can collapse or be bribed by an
easy loss: a modality of pure noise is easily reconstructed from itself, but it agrees with nothing.

"Learned from the embeddings" means measured on them: the weights are a function of the current network, not a result
of its gradient.
"""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor

from m5tools.scale.harmony.rule import Harmony, Pooled, Weights, pooled

FLOOR: Final = 0.1
"""Added to D: with all strengths near zero, as at the start, weights are nearly equal."""

UNDOUBTED: Final = 1e-3
"""A present modality keeps this much weight however badly it fits: a product always has a vector."""

CERTAIN: Final = 0.3
"""Strength from which a triangle of modalities is no accident; the sampling error of D on 256 rows is 0.06."""


class Harmonized(Harmony):
    """Weights by measured alignment, as far as a third modality corroborates it."""

    floor: float = FLOOR

    @property
    def agreement(self) -> Tensor:
        """D of each pair, as far as it is corroborated, `[M, M]`."""
        return corroborated(self.strength)

    @property
    def reliability(self) -> Tensor:
        """Mean corroborated strength of a modality's pairs, `[M]`."""
        return self.agreement.sum(1) / (len(self.strength) - 1)

    def _weights(self) -> Weights:
        modalities = len(self.strength)
        pair = (self.agreement + self.floor) * (1 - torch.eye(modalities))
        masked = self.reliability + self.floor
        return Weights(pair / (pair.sum() / (modalities * (modalities - 1))), masked / masked.mean())

    def worth(self) -> Tensor:
        # Squared, for optimal linear pooling calls for more contrast than the weighting of losses.
        return self.agreement.square().sum(1) / (len(self.strength) - 1) + 1e-6

    def pool(self, z: Tensor, present: Tensor) -> Pooled:
        match = self.match(z, present)
        return pooled(z, self.worth() * (match + UNDOUBTED * present), match)


def corroborated(strength: Tensor) -> Tensor:
    """Agreement of two modalities counts as far as a third one agrees with both.

    Two modalities of noise that share a nuisance, such as a clip and its own sound track, agree with each other as
    much as any, but with nothing else; what tells of the product agrees with whatever else does. An agreement is
    therefore cut to the strongest third witness. Where there is no triangle at all, as with two modalities, there
    is nothing to tell them apart by, and agreement counts as it is.

    Args:
        strength: `[M, M]`, symmetric, not negative, 0 on the diagonal.
    """
    witness = torch.minimum(strength[:, None, :], strength[None, :, :]).amax(2)
    backed = torch.minimum(strength, witness)
    certainty = (backed.amax() / CERTAIN).clamp_max(1)
    return backed + (1 - certainty) * (strength - backed)
