"""The interface of all rules: weights for the losses, scaling of the logits, and the product's vector."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from m5tools.scale.contrast import contrast_consensus
from m5tools.scale.harmony.statistics import Statistics
from m5tools.scale.terms import Scaling, Terms


@dataclass(frozen=True)
class Weights:
    """Training weights: `pair` `[M, M]`, symmetric, diagonal 0; `masked` `[M]`. Both average 1 unless a rule says."""

    pair: Tensor
    masked: Tensor


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        loss: scalar, the total.
        contrast, masked: scalars, its weighted parts; the second before `masked_share`.
        weights: what weighed them, without gradient.
    """

    loss: Tensor
    contrast: Tensor
    masked: Tensor
    weights: Weights


@dataclass(frozen=True)
class Pooled:
    """Fused vectors of `N` products.

    Attributes:
        fused: `[N, d]`, unit length; zero for a product without any modality.
        share: `[N, M]`, what each modality contributed; rows sum to 1.
        match: `[N, M]`, probability that a modality belongs to its product; 0 where absent. A low value of a present
            modality points at a wrong caption or picture.
    """

    fused: Tensor
    share: Tensor
    match: Tensor


class Harmony(Statistics, ABC):
    """A rule. What it has to train, if anything, is among its parameters."""

    def weights(self) -> Weights:
        """Weights of the losses as they stand, without gradient."""
        weights = self._weights()
        return Weights(weights.pair.detach(), weights.masked.detach())

    @abstractmethod
    def _weights(self) -> Weights:
        """Weights that :meth:`objective` uses; they carry a gradient where the rule trains them."""

    def scaling(self, z: Tensor, present: Tensor) -> Scaling | None:
        """Factors of a batch's logits, for the rules that have them; `z` `[B, M, d]`, `present` bool `[B, M]`."""
        return None

    def consensus(self, z: Tensor, present: Tensor, temperature: float) -> Tensor:
        """Contrast of each modality with the mean of the others, weighted by their worth: a scalar.

        An optional task (`Terms.consensus`), beside the pairs. With it the weights of the losses add nothing
        measurable; the weights of pooling keep their gain.
        """
        return contrast_consensus(z, present, temperature, self.worth())

    def objective(
        self, terms: Terms, masked_share: float, fused_share: float = 0.0, consensus_share: float = 0.0
    ) -> Objective:
        """Everything that is minimised, in one place.

        The mean of the weighted pair losses, plus `masked_share` times that of the weighted masked losses, plus the
        contrast on the fused vector and with the consensus by their shares.
        """
        weights = self._weights()
        contrast, masked = self._contrast(terms, weights), self._masked(terms, weights)
        loss = contrast + masked_share * masked
        # Left out at share 0, so that a term nobody computed cannot matter.
        if fused_share:
            loss = loss + fused_share * terms.fused
        if consensus_share:
            loss = loss + consensus_share * terms.consensus
        return Objective(loss, contrast, masked, Weights(weights.pair.detach(), weights.masked.detach()))

    def _contrast(self, terms: Terms, weights: Weights) -> Tensor:
        modalities = len(terms.masked)
        return (weights.pair * terms.pair).sum() / (modalities * (modalities - 1))

    def _masked(self, terms: Terms, weights: Weights) -> Tensor:
        return (weights.masked * terms.masked).mean()

    def worth(self) -> Tensor:
        """What a modality counts in a product's vector, before anything is known of the product, `[M]`."""
        return torch.ones(len(self.strength))

    def pool(self, z: Tensor, present: Tensor) -> Pooled:
        """Fuse vectors `z` `[N, M, d]` of the modalities that are `present` (bool `[N, M]`): here, their mean."""
        return pooled(z, present.to(z.dtype), self.match(z, present))


def pooled(z: Tensor, weight: Tensor, match: Tensor) -> Pooled:
    """Vectors weighted by `weight` `[N, M]`, not negative and 0 where absent."""
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-12)
    return Pooled(functional.normalize(torch.einsum("nm,nmd->nd", share, z), dim=-1), share, match)
