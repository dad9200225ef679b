"""What is hidden from the masked tasks."""

from __future__ import annotations

import torch

from m5tools.scale.masked import draw_masks
from m5tools.vocabulary import MODALITIES

from .test_tokens import tokenizer_of
from .world import World, make_batch


def test_masks_hide_real_tokens_only_at_the_asked_rate(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokens = tokenizer_of(batch)(batch)
    masks = draw_masks(tokens, 0.15, torch.Generator().manual_seed(0))
    hidden = sum(int(masks[m].sum()) for m in MODALITIES)
    real = sum(int(tokens.parts[m].mask.sum()) for m in MODALITIES)
    assert all(not (masks[m] & ~tokens.parts[m].mask).any() for m in MODALITIES)
    assert 0.12 < hidden / real < 0.18
