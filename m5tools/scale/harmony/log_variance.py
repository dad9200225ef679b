"""Weights by learned uncertainty, a common alternative (Kendall, Gal and Cipolla, CVPR 2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from m5tools.scale.harmony.rule import Harmony, Weights
from m5tools.scale.terms import Terms


class LogVariance(Harmony):
    """Each loss l has a free parameter s, and exp(-s) l + s is minimised: an easy loss earns a high weight.

    So a modality of noise that is easily reconstructed from itself is favoured among the masked tasks. The weights
    are positive, but do not average 1.
    """

    def __init__(self, modalities: int = 5) -> None:
        super().__init__(modalities)
        self.pair_variance = nn.Parameter(torch.zeros(modalities, modalities))
        self.masked_variance = nn.Parameter(torch.zeros(modalities))

    def _pair_variance(self) -> Tensor:
        upper = self.pair_variance.triu(1)
        return upper + upper.T

    def _weights(self) -> Weights:
        pair = torch.exp(-self._pair_variance())
        return Weights(pair * (1 - torch.eye(len(pair))), torch.exp(-self.masked_variance))

    def _contrast(self, terms: Terms, weights: Weights) -> Tensor:
        # A loss that was not computed must not be declared certain.
        cost = torch.where(terms.pair_rows >= 2, self._pair_variance(), 0.0) * (1 - torch.eye(len(terms.masked)))
        return super()._contrast(terms, weights) + cost.sum() / (len(cost) * (len(cost) - 1))

    def _masked(self, terms: Terms, weights: Weights) -> Tensor:
        return super()._masked(terms, weights) + torch.where(terms.masked_tokens > 0, self.masked_variance, 0.0).mean()
