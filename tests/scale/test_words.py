"""The vocabulary is deterministic, knows every script, and keeps pairs together."""

from __future__ import annotations

from dataclasses import replace

from m5tools.scale import words
from m5tools.scale.config import MODELS
from m5tools.vocabulary import Modality

from .world import World, make_batch, strings

TEXTS = ["Red mug 350 ml", "blue mug 500 ml", "红色 杯子 350 ml", "tasse rouge"] * 5


def test_the_same_texts_give_the_same_vocabulary_in_any_order() -> None:
    assert words.learn(TEXTS, 400).to_str() == words.learn(TEXTS[::-1], 400).to_str()


def test_no_text_is_unknown_and_case_is_folded() -> None:
    tokenizer = words.learn(TEXTS, 400)
    assert tokenizer.decode(tokenizer.encode("KX-77 Ωμέγα 🙂").ids).strip() == "kx-77 ωμέγα 🙂"
    assert tokenizer.encode("RED").ids == tokenizer.encode("red").ids


def test_a_table_has_names_at_even_and_values_at_odd_places(world: World) -> None:
    shape = MODELS["study"]
    tokenizer = words.learn(TEXTS, 400)
    batch = make_batch(world.splits["train"][:2])
    batch.present[:, Modality.TABLE.bit] = True
    pairs = [(0, "red"), (0, "mug"), *((1, s) for i in range(99) for s in ("ml", str(i)))]
    part = words.table_part(tokenizer, shape, replace(batch, table=strings(pairs)))
    assert part.mask.sum(1).tolist() == [2, 2 * shape.table_pairs]
    first = [word for word in part.values[0, 0].tolist() if word >= 0]
    assert first == tokenizer.encode("red").ids[: shape.entity_words]
    assert (part.values[1, 0::2][: shape.table_pairs] == part.values[1, 0]).all()


def test_document_counts_count_products_not_words() -> None:
    tokenizer = words.learn(TEXTS, 400)
    counts, total = words.document_counts(tokenizer, [["mug mug", "mug"], ["tasse"], []])
    assert total == 3
    assert counts[tokenizer.encode("mug").ids].tolist() == [1.0]
