"""Which modalities agree, measured on rows never trained on, and what that is worth in training and in pooling.

One matrix D of alignment strength says how many standard deviations the cosine of a matched pair lies above that of
mismatched ones. It gives the pair weights and masked-task weights of training, and the weights with which a product's
vectors are pooled. Nothing here is a trained parameter, so nothing can collapse or be bribed by an easy loss: a
modality of pure noise is easily reconstructed from itself, but it agrees with nothing.

The paper's own weights (M5Product, Eq. 2 and 3) are free parameters; minimised as written they drive the objective
below zero. This rule takes their place.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from m5tools.scale.terms import Scaling, Terms

FLOOR = 0.1
"""Added to D: with all strengths near zero, as at the start, weights are nearly equal."""

RATE = 0.2
"""Step of the exponential averages, once more than five measurements were made."""

PRIOR = 0.9
"""Share of present modalities assumed to belong to their product."""

PASSES = 2
"""Fixed-point passes of the match probability."""

UNDOUBTED = 1e-3
"""A present modality keeps this much weight however badly it fits: a product always has a vector."""


@dataclass(frozen=True)
class Weights:
    """Training weights: `pair` `[M, M]`, symmetric, mean 1 over pairs, diagonal 0; `masked` `[M]`, mean 1."""

    pair: Tensor
    masked: Tensor


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        loss: scalar, the total.
        contrast, masked: scalars, its weighted parts; the second before `masked_share`.
        weights: what weighed them.
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


class Harmony(nn.Module, ABC):
    """Alignment statistics, and a rule that turns them into weights.

    Buffers, all `[M, M]` and symmetric: `positive` and `negative`, the mean cosines of matched and mismatched pairs;
    `spread`, the deviation of the mismatched; `strength`, D. `updates` counts measurements.
    """

    positive: Tensor
    negative: Tensor
    spread: Tensor
    strength: Tensor
    updates: Tensor

    def __init__(self, modalities: int = 5) -> None:
        super().__init__()
        for name in ("positive", "negative", "strength"):
            self.register_buffer(name, torch.zeros(modalities, modalities))
        self.register_buffer("spread", torch.ones(modalities, modalities))
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def observe(self, z: Tensor, present: Tensor) -> None:
        """Measure once, on rows that are never trained on.

        Args:
            z: unit vectors `[N, M, d]`.
            present: bool `[N, M]`.

        A pair seen on fewer than two rows keeps what was known of it.
        """
        self.updates += 1
        rate = max(RATE, 1 / int(self.updates))
        cosine = torch.einsum("nid,kjd->ijnk", z, z)
        both = torch.einsum("ni,kj->ijnk", present.to(z.dtype), present.to(z.dtype))
        matched = torch.eye(len(z), dtype=z.dtype)
        hits, misses = both * matched, both * (1 - matched)
        hit_count, miss_count = hits.sum((2, 3)), misses.sum((2, 3)).clamp_min(1)
        positive = (cosine * hits).sum((2, 3)) / hit_count.clamp_min(1)
        negative = (cosine * misses).sum((2, 3)) / miss_count
        off = (cosine - negative[..., None, None]) * misses
        spread = (off.square().sum((2, 3)) / miss_count).sqrt().clamp_min(1e-6)
        strength = ((positive - negative) / spread).clamp_min(0)
        seen = (hit_count >= 2) & ~torch.eye(z.shape[1], dtype=torch.bool)
        for name, new in (
            ("positive", positive), ("negative", negative), ("spread", spread), ("strength", strength),
        ):  # fmt: skip
            old = getattr(self, name)
            # Averaged with its transpose: sums in another order differ in the last bit.
            old.copy_(torch.where(seen, old + rate * ((new + new.T) / 2 - old), old))

    @property
    def reliability(self) -> Tensor:
        """Mean strength of a modality's pairs, `[M]`."""
        return self.strength.sum(1) / (len(self.strength) - 1)

    @abstractmethod
    def weights(self) -> Weights:
        """Weights of the losses; constants to the optimiser."""

    def scaling(self, z: Tensor, present: Tensor) -> Scaling | None:
        """What multiplies the scores of each product, for rules that scale scores."""
        return None

    def objective(self, terms: Terms, masked_share: float, fused_share: float = 0.0) -> Objective:
        """The mean of the weighted pair losses, plus `masked_share` times that of the weighted masked losses.

        The contrast of the joint vector is added `fused_share` times.
        """
        weights, modalities = self.weights(), len(terms.masked)
        contrast = (weights.pair * terms.pair).sum() / (modalities * (modalities - 1))
        masked = (weights.masked * terms.masked).mean()
        loss = contrast + masked_share * masked + fused_share * terms.fused
        return Objective(loss, contrast, masked, weights)

    @abstractmethod
    def pool(self, z: Tensor, present: Tensor) -> Pooled:
        """Fuse vectors `z` `[N, M, d]` of the modalities that are `present` (bool `[N, M]`)."""

    def match(self, z: Tensor, present: Tensor) -> Tensor:
        """Probability `[N, M]` that a present modality belongs to its product, judged by the others.

        The log-likelihood ratio of a cosine under equal variances, summed over the other modalities as far as these
        are believed themselves.
        """
        here = present.to(z.dtype)
        cosine = torch.einsum("nid,njd->nij", z, z)
        evidence = self.strength * (cosine - (self.positive + self.negative) / 2) / self.spread
        belief = PRIOR * here
        for _ in range(PASSES):
            told = torch.einsum("nij,nj->ni", evidence, belief)
            belief = here * torch.sigmoid(math.log(PRIOR / (1 - PRIOR)) + told)
        return belief


class Harmonized(Harmony):
    """Weights by measured alignment: noise comes last in both families of tasks and in the product's vector."""

    def weights(self) -> Weights:
        modalities = len(self.strength)
        pair = (self.strength + FLOOR) * (1 - torch.eye(modalities))
        masked = self.reliability + FLOOR
        return Weights(pair / (pair.sum() / (modalities * (modalities - 1))), masked / masked.mean())

    def pool(self, z: Tensor, present: Tensor) -> Pooled:
        # Squared, for optimal linear pooling calls for more contrast than the weighting of losses.
        worth = self.strength.square().sum(1) / (len(self.strength) - 1) + 1e-6
        match = self.match(z, present)
        return _pooled(z, worth * (match + UNDOUBTED * present), match)


class Uniform(Harmony):
    """All weights 1, and the plain mean of what is present; measures the same statistics and ignores them."""

    def weights(self) -> Weights:
        modalities = len(self.strength)
        return Weights(1 - torch.eye(modalities), torch.ones(modalities))

    def pool(self, z: Tensor, present: Tensor) -> Pooled:
        return _pooled(z, present.to(z.dtype), self.match(z, present))


RULES: dict[str, type[Harmony]] = {"harmonized": Harmonized, "uniform": Uniform}


def _pooled(z: Tensor, weight: Tensor, match: Tensor) -> Pooled:
    share = weight / weight.sum(1, keepdim=True).clamp_min(1e-12)
    return Pooled(functional.normalize(torch.einsum("nm,nmd->nd", share, z), dim=-1), share, match)
