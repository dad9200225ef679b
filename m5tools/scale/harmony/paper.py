"""The paper's rule: a matrix of free parameters (M5Product, Eq. 2 and 3), as written. It diverges."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn

from m5tools.scale.harmony.rule import Harmony, Weights
from m5tools.scale.terms import Scaling

LIMIT: Final = 10.0
"""Bound of the free parameters."""


class Paper(Harmony):
    """Free scores S, zero at first; S * softmax(S) weighs the losses and scales their logits.

    The off-diagonal entries weigh the pairs, the diagonal ones the masked tasks, each twice: outside the loss and on
    its logits (predictions of the media heads). The softmax is that of a row; the paper does not say. It speaks of
    scores "for each data sample", which free parameters cannot be for products not seen yet: here is one matrix.

    **This diverges.** Losses are positive and S is free, so the objective is lowered by making every weight negative:
    it falls below zero and is then rewarded for raising every loss. Nothing in the paper prevents it. Parameters are
    held within ±10 (their gradient vanishes beyond), so that a run ends in numbers and can be compared; a trainer
    stops when they are no longer numbers. The weights neither average 1 nor are positive.
    """

    def __init__(self, modalities: int = 5) -> None:
        super().__init__(modalities)
        self.score = nn.Parameter(torch.zeros(modalities, modalities))

    def _effective(self) -> Tensor:
        score = self.score.clamp(-LIMIT, LIMIT)
        upper = (score * torch.softmax(score, dim=1)).triu()
        return upper + upper.triu(1).T

    def _weights(self) -> Weights:
        effective = self._effective()
        return Weights(effective * (1 - torch.eye(len(effective))), effective.diagonal())

    def scaling(self, z: Tensor, present: Tensor) -> Scaling:
        effective = self._effective()
        return Scaling(effective.expand(len(z), -1, -1), effective.diagonal().expand(len(z), -1))
