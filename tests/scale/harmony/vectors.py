"""Vectors whose agreement is known."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from m5tools.scale.harmony import Harmonized, Harmony, sums

STRENGTH = (1.0, 0.9, 0.6, 0.4, 0.0)


def world(seed: int, rows: int = 256, strength: tuple[float, ...] = STRENGTH) -> tuple[Tensor, Tensor]:
    """Unit vectors that share a factor with the given strength; the last modality is pure noise."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(rows, 1, 32, generator=generator)
    own = torch.randn(rows, 5, 32, generator=generator)
    z = functional.normalize(shared * torch.tensor(strength)[None, :, None] + 0.7 * own, dim=-1)
    present = torch.rand(rows, 5, generator=generator) > 0.2
    return z * present[..., None], present


def with_shared_nuisance(seed: int, rows: int = 256) -> tuple[Tensor, Tensor]:
    """The same, but the last two tell nothing of the product and agree with each other more than any others do."""
    z, present = world(seed, rows, (0.5, 0.45, 0.4, 0.0, 0.0))
    generator = torch.Generator().manual_seed(seed + 1)
    nuisance = torch.randn(rows, 1, 32, generator=generator)
    noise = functional.normalize(nuisance + 0.1 * torch.randn(rows, 2, 32, generator=generator), dim=-1)
    return torch.cat([z[:, :3], noise * present[:, 3:, None]], 1), present


def observed(rule: type[Harmony], z: Tensor, present: Tensor) -> Harmony:
    """A rule that has measured once."""
    harmony = rule()
    harmony.observe(sums(z, present))
    return harmony


def measured(z: Tensor, present: Tensor) -> Harmonized:
    """The default rule that has measured once."""
    harmony = observed(Harmonized, z, present)
    assert isinstance(harmony, Harmonized)
    return harmony
