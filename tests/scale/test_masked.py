"""What is hidden from the masked tasks."""

from __future__ import annotations

import torch

from m5tools.scale.masked import draw_masks
from m5tools.vocabulary import MODALITIES, Modality

from .test_tokens import tokenizer_of
from .world import World, make_batch


def test_masks_hide_real_tokens_only_at_the_asked_rate(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokens = tokenizer_of(batch)(batch)
    masks = draw_masks(tokens, 0.15, torch.Generator().manual_seed(0))
    others = [m for m in MODALITIES if m is not Modality.TABLE]
    hidden = sum(int(masks[m].sum()) for m in others)
    real = sum(int(tokens.parts[m].mask.sum()) for m in others)
    assert all(not (masks[m] & ~tokens.parts[m].mask).any() for m in MODALITIES)
    assert 0.12 < hidden / real < 0.18


def test_of_a_pair_the_name_or_the_value_is_hidden_whole_never_both(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokens = tokenizer_of(batch)(batch)
    part = tokens.parts[Modality.TABLE]
    hidden = draw_masks(tokens, 0.5, torch.Generator().manual_seed(0))[Modality.TABLE]
    names, values = hidden[:, 0::2], hidden[:, 1::2]
    assert not (names & values).any()
    pairs = int(part.mask[:, 1::2].sum())
    assert 0.4 < int((names | values).sum()) / pairs < 0.6
    assert 0.4 < int(names.sum()) / int((names | values).sum()) < 0.6
    # A hidden token is an entity with all its words.
    assert (part.values[hidden][:, 0] >= 0).all()


def test_an_entity_without_words_is_never_asked_for(world: World) -> None:
    batch = make_batch(world.splits["train"][:8])
    tokens = tokenizer_of(batch)(batch)
    table = tokens.parts[Modality.TABLE]
    table.values[:, 1::2] = -1
    hidden = draw_masks(tokens, 1.0, torch.Generator().manual_seed(0))[Modality.TABLE]
    assert hidden[:, 0::2].any()
    assert not hidden[:, 1::2].any()
