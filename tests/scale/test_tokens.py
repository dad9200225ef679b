"""Tokens: only what is present, whatever lies under the mask."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from m5tools.loader.batch import Batch
from m5tools.loader.ragged import Ragged
from m5tools.scale.config import MODELS
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens, pack
from m5tools.scale.words import texts_of
from m5tools.vocabulary import MODALITIES, Modality

from .world import World, clips, make_batch, strings


def tokenizer_of(batch: Batch) -> ProductTokenizer:
    return ProductTokenizer.learn(MODELS["study"], (s for own in texts_of(batch) for s in own))


def same(a: Tokens, b: Tokens) -> bool:
    return a.ids == b.ids and all(
        torch.equal(getattr(a.parts[m], name), getattr(b.parts[m], name))
        for m in MODALITIES
        for name in ("values", "mask", "row")
    )


def with_garbage(batch: Batch) -> Batch:
    """Payload for every absent modality of every product, as a careless reader might leave it."""
    absent = [torch.nonzero(~batch.present[:, m.bit]).flatten().tolist() for m in MODALITIES]

    def mixed(part: Ragged, extra: Ragged) -> Ragged:
        items = [(int(r), x.numpy()) for r, x in zip(part.row, part, strict=True)]
        items += [(int(r), x.numpy()) for r, x in zip(extra.row, extra, strict=True)]
        items.sort(key=lambda item: item[0])
        return clips(items, part.data[:0].numpy())

    size = batch.image.data.shape[-1]
    junk = torch.full((1, 3, size, size), 255, dtype=torch.uint8).numpy()
    noise = torch.full((30_000,), 12_345, dtype=torch.int16).numpy()
    empty = junk[:0]
    return replace(
        batch,
        image=mixed(batch.image, clips([(r, junk) for r in absent[0]], empty)),
        text=mixed(batch.text, strings([(r, "garbage") for r in absent[1]])),
        table=mixed(batch.table, strings([(r, s) for r in absent[2] for s in ("junk", "junk")])),
        video=mixed(batch.video, clips([(r, junk) for r in absent[3]], empty)),
        audio=mixed(batch.audio, clips([(r, noise) for r in absent[4]], noise[:0])),
    )


def test_payload_under_the_mask_leaves_no_trace(world: World) -> None:
    batch = make_batch(world.splits["train"])
    dirty = with_garbage(batch)
    assert not batch.present.all(0).any(), "every modality must be missing somewhere for this to mean anything"
    assert len(dirty.audio.data) > len(batch.audio.data)
    tokenizer = tokenizer_of(batch)
    assert same(tokenizer(batch), tokenizer(dirty))
    assert list(texts_of(batch)) == list(texts_of(dirty))


def test_present_says_what_has_tokens(world: World) -> None:
    batch = make_batch(world.splits["train"][:32])
    assert torch.equal(tokenizer_of(batch)(batch).present, batch.present)


def test_a_blank_text_is_no_text(world: World) -> None:
    batch = make_batch(world.splits["train"][:8])
    tokenizer = tokenizer_of(batch)
    rows = torch.nonzero(batch.present[:, Modality.TEXT.bit]).flatten().tolist()
    blank = replace(batch, text=strings([(r, "") for r in rows]))
    assert not tokenizer(blank).present[:, Modality.TEXT.bit].any()


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_batch_without_one_modality(world: World, modality: Modality) -> None:
    listings = world.splits["train"][:8]
    batch = make_batch(listings, tuple(m for m in MODALITIES if m is not modality))
    tokens = tokenizer_of(make_batch(listings))(batch)
    assert len(tokens.parts[modality].row) == 0
    assert not tokens.present[:, modality.bit].any()


def test_select_and_join_are_inverse(world: World) -> None:
    batch = make_batch(world.splits["train"][:20])
    tokens = tokenizer_of(batch)(batch)
    halves = [tokens.select(torch.arange(0, 9)), tokens.select(torch.arange(9, 20))]
    assert same(Tokens.join(halves), tokens)
    backwards = torch.arange(19, -1, -1)
    assert same(tokens.select(backwards).select(backwards), tokens)


def test_pack_keeps_the_first_tokens_of_each_row() -> None:
    part = pack(torch.tensor([1, 2, 3, 4, 5, 6]), torch.tensor([0, 0, 0, 3, 5, 5]), 2)
    assert part.values.tolist() == [[1, 2], [4, 0], [5, 6]]
    assert part.mask.tolist() == [[True, True], [True, False], [True, True]]
    assert part.row.tolist() == [0, 3, 5]
