"""The published treatment of what is missing, and complete products alone, for comparison."""

from __future__ import annotations

import torch

from m5tools.scale.config import MODELS
from m5tools.scale.missing import NOTHING, complete, zero_filled
from m5tools.scale.model import Scale
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.vocabulary import MODALITIES, Modality

from .masks import masks_of
from .test_tokens import same, tokenizer_of
from .world import World, make_batch


def test_zeros_fill_what_is_absent_and_touch_nothing_else(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokens = tokenizer_of(batch)(batch)
    filled = zero_filled(tokens)
    assert filled.present.all()
    assert same(filled.only(tokens.present), tokens)
    for modality in MODALITIES:
        part = filled.parts[modality]
        absent = ~tokens.present[part.row, modality.bit]
        assert absent.any()
        assert part.mask[absent].all()
        assert (part.values[absent] == part.values.new_tensor(NOTHING[modality])).all()


def test_a_product_with_nothing_stays_so(world: World) -> None:
    batch = make_batch(world.splits["train"][:4])
    tokens = tokenizer_of(batch)(batch)
    kept = tokens.present.clone()
    kept[2] = False
    assert zero_filled(tokens.only(kept)).present.all(1).tolist() == [True, True, False, True]


def test_the_shape_asks_the_tokenizer_for_zeros_and_they_train(world: World) -> None:
    batch = make_batch(world.splits["train"][:16])
    learned = tokenizer_of(batch)
    shape = MODELS["study"].model_copy(update={"missing": "zeros"})
    tokenizer = ProductTokenizer.from_json(shape, learned.to_json())
    tokens = tokenizer(batch)
    assert same(tokens, zero_filled(learned(batch)))
    terms = Scale(tokenizer.config)(tokens, masks_of(tokens, 0.3), 0.1)
    assert torch.isfinite(terms.pair).all()
    assert (terms.pair_rows[Modality.TEXT.bit, Modality.AUDIO.bit]) == len(tokens)


def test_complete_products_alone(world: World) -> None:
    batch = make_batch(world.splits["train"])
    tokens = complete(tokenizer_of(batch)(batch))
    assert tokens.present.all()
    assert set(tokens.ids) == {x.id for x in world.splits["train"] if all(x.present)}
