"""Everything counts the same: what every other rule is compared with."""

from __future__ import annotations

import torch

from m5tools.scale.harmony.rule import Harmony, Weights


class Uniform(Harmony):
    """All weights 1, and the plain mean of what is present; measures the same statistics and ignores them."""

    def _weights(self) -> Weights:
        return equal(len(self.strength))


def equal(modalities: int) -> Weights:
    """All weights 1."""
    return Weights(1 - torch.eye(modalities), torch.ones(modalities))
