"""Which tokens are hidden depends on a product's place in the global order alone."""

from __future__ import annotations

import torch

from m5tools.scale.config import MODELS
from m5tools.scale.hiding import hidden
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.words import texts_of
from m5tools.vocabulary import MODALITIES, Modality

from .masks import masks_of
from .test_tokens import tokenizer_of
from .world import World, make_batch


def test_the_company_of_a_product_changes_nothing() -> None:
    batch = make_batch(World(120, seed=3).splits["train"])
    tokenizer = ProductTokenizer.learn(MODELS["study"], [s for texts in texts_of(batch) for s in texts])
    tokens, seeds = tokenizer(batch), torch.arange(len(batch)) * 7919
    whole = hidden(tokens, seeds, 0.3)
    rows = torch.arange(len(tokens) - 1, 0, -3)
    part = hidden(tokens.select(rows), seeds[rows], 0.3)
    for m in MODALITIES:
        where = {int(r): k for k, r in enumerate(tokens.parts[m].row)}
        kept = [where[int(r)] for r in rows if int(r) in where]
        assert torch.equal(part[m], whole[m][kept])
        assert not (whole[m] & ~tokens.parts[m].mask).any()
        real = tokens.parts[m].mask
        share = float(whole[m][real].float().mean())
        wanted = 0.15 if m is Modality.TABLE else 0.3  # of a pair its name or its value
        assert abs(share - wanted) < 4 * (0.3 * 0.7 / int(real.sum())) ** 0.5
    table = whole[Modality.TABLE]
    assert not (table[:, 0::2] & table[:, 1::2]).any()
    assert table[:, 0::2].any()
    assert table[:, 1::2].any()
    other = hidden(tokens, seeds + 1, 0.3)
    assert any(not torch.equal(whole[m], other[m]) for m in MODALITIES)
    assert not any(mask.any() for mask in hidden(tokens, seeds, 0.0).values())


def test_of_a_pair_the_name_or_the_value_is_hidden_whole_never_both(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokens = tokenizer_of(batch)(batch)
    part = tokens.parts[Modality.TABLE]
    masks = masks_of(tokens, 0.5)[Modality.TABLE]
    names, values = masks[:, 0::2], masks[:, 1::2]
    assert not (names & values).any()
    pairs = int(part.mask[:, 1::2].sum())
    assert 0.4 < int((names | values).sum()) / pairs < 0.6
    assert 0.4 < int(names.sum()) / int((names | values).sum()) < 0.6
    # A hidden token is an entity with all its words.
    assert (part.values[masks][:, 0] >= 0).all()


def test_an_entity_without_words_is_never_asked_for(world: World) -> None:
    batch = make_batch(world.splits["train"][:8])
    tokens = tokenizer_of(batch)(batch)
    table = tokens.parts[Modality.TABLE]
    table.values[:, 1::2] = -1
    masks = masks_of(tokens, 1.0)[Modality.TABLE]
    assert masks[:, 0::2].any()
    assert not masks[:, 1::2].any()
