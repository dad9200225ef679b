"""The rule of the released code: each product's own cosines scale its logits; no weight on any loss."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from m5tools.scale.harmony.rule import Harmony, Weights
from m5tools.scale.harmony.uniform import equal
from m5tools.scale.terms import Scaling


class Released(Harmony):
    """A product's matrix of cosines times its row softmax, rows of unit length.

    Off-diagonal entries scale the product's contrastive logits, diagonal ones the scores of its masked tasks. The
    diagonal is largest where a modality agrees with *no* other one, so noise is favoured there. As in the release the
    factors carry a gradient, and products are pooled by the plain mean.

    The release takes its vectors behind a ReLU, so that cosines are not negative; here the positive parts are taken
    for the factors alone. Other differences: absent modalities take no part (the release has zeros for them), and the
    diagonal comes from the same vectors as the rest, not from the joint transformer's first tokens.
    """

    def _weights(self) -> Weights:
        return equal(len(self.strength))

    def scaling(self, z: Tensor, present: Tensor) -> Scaling:
        both = present[:, :, None] & present[:, None, :]
        positive = functional.normalize(functional.relu(z), dim=2)
        cosine = torch.einsum("bid,bjd->bij", positive, positive)
        attention = torch.softmax(cosine.masked_fill(~both, -1e9), dim=2)
        score = functional.normalize(torch.where(both, cosine * attention, 0.0), dim=2)
        return Scaling(score, score.diagonal(dim1=1, dim2=2))
