"""How far modalities agree, measured on rows that are never trained on.

On training rows even pure noise looks aligned, for a network can memorise which noise belongs to which product. On
rows held out a modality of noise agrees with nothing, however easily it is reconstructed from itself.

What is measured is a function of sums over rows, so that ranks can add up theirs and then hold the same statistics.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import torch
from torch import Tensor, nn

RATE: Final = 0.2
"""Step of the exponential averages, once more than five measurements were made."""

PRIOR: Final = 0.9
"""Share of present modalities assumed to belong to their product."""

PASSES: Final = 2
"""Fixed-point passes of the match probability."""


class Sums(NamedTuple):
    """Sums over rows, float64, from which every statistic follows; those of two sets of rows are added.

    Mean and deviation of the cosines of *all* mismatched pairs follow from first and second moments, without
    laying out a single pair.

    Attributes:
        rows: `[M, M]`, rows with both modalities; on the diagonal, with one.
        total: `[M, d]`, sum of the vectors.
        outer: `[M, d, d]`, sum of their outer products.
        cosine, square: `[M, M]`, sums of the cosines of matched pairs and of their squares.
    """

    rows: Tensor
    total: Tensor
    outer: Tensor
    cosine: Tensor
    square: Tensor


@torch.no_grad()
def sums(z: Tensor, present: Tensor) -> Sums:
    """Sums over some rows.

    Args:
        z: unit vectors `[N, M, d]`; those of absent modalities are not looked at.
        present: bool `[N, M]`.

    On several ranks, each over its own rows: `for part in found: torch.distributed.all_reduce(part)`.
    """
    here = present.double()
    known = torch.where(present[..., None], z.double(), 0.0)
    cosine = torch.einsum("nid,njd->nij", known, known)
    return Sums(
        rows=here.T @ here,
        total=known.sum(0),
        outer=torch.einsum("nid,nie->ide", known, known),
        cosine=cosine.sum(0),
        square=cosine.square().sum(0),
    )


class Statistics(nn.Module):
    """Exponential averages of the alignment of every pair of modalities.

    Buffers, all `[M, M]` and symmetric: `positive` and `negative`, the mean cosines of matched and mismatched pairs;
    `spread`, the deviation of the mismatched; `strength`, D: how many deviations the matched lie above the
    mismatched, 0 at least, 0 on the diagonal. `updates` counts measurements.
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
    def observe(self, found: Sums) -> None:
        """Take in one measurement. A pair seen on fewer than two rows keeps what was known of it."""
        self.updates += 1
        rate = max(RATE, 1 / int(self.updates))
        count = found.rows.diagonal()
        mismatched = (count[:, None] * count - found.rows).clamp_min(1)
        positive = found.cosine / found.rows.clamp_min(1)
        negative = (found.total @ found.total.T - found.cosine) / mismatched
        square = (torch.einsum("ide,jde->ij", found.outer, found.outer) - found.square) / mismatched
        spread = (square - negative.square()).clamp_min(1e-12).sqrt()
        strength = ((positive - negative) / spread).clamp_min(0)
        seen = (found.rows >= 2) & ~torch.eye(len(count), dtype=torch.bool)
        for name, new in (
            ("positive", positive), ("negative", negative), ("spread", spread), ("strength", strength),
        ):  # fmt: skip
            old = getattr(self, name)
            # Averaged with its transpose: sums in another order differ in the last bit.
            symmetric = ((new + new.T) / 2).to(old.dtype)
            old.copy_(torch.where(seen, old + rate * (symmetric - old), old))

    @property
    def reliability(self) -> Tensor:
        """Mean strength of a modality's pairs, `[M]`."""
        return self.strength.sum(1) / (len(self.strength) - 1)

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
