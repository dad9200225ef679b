"""Masks for tests, each product at a place of its own."""

from __future__ import annotations

import torch
from torch import Tensor

from m5tools.scale.hiding import hidden
from m5tools.scale.tokens import Tokens
from m5tools.vocabulary import Modality


def masks_of(tokens: Tokens, share: float, seed: int = 0) -> dict[Modality, Tensor]:
    return hidden(tokens, torch.arange(len(tokens)) + 1_000 * seed, share)
