"""What the corpus knows of values and words: looked up, and never met whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools import wording
from m5tools.measure import facts, pair
from m5tools.measure.known import TitleWords, Vocabulary, found

COUNTS = {"word": pl.UInt64, "category": pl.String, "products": pl.Int64}
SAID = {"word": pl.UInt64, "home": pl.UInt32}


def test_the_place_of_each_number_or_none() -> None:
    places, there = found(np.array([2, 5, 9], np.uint64), np.array([9, 3, 2, 10, 9], np.uint64))
    assert there.tolist() == [True, False, True, False, True]
    assert places[there].tolist() == [2, 0, 2]
    assert found(np.empty(0, np.uint64), np.array([1], np.uint64))[1].tolist() == [False]


def test_a_value_is_listed_under_its_name_only() -> None:
    values = pl.DataFrame({"name": ["color", "material"], "value": ["red", "oak"]})
    vocabulary = Vocabulary.of(values, pl.DataFrame({"brand": ["acer", "oak"]}))
    asked = [("color", "red"), ("color", "oak"), ("brand", "oak"), ("brand", "red"), ("material", "oak"), ("size", "x")]
    rows = pl.DataFrame(asked, schema=["name", "run"], orient="row").with_row_index("row")
    assert vocabulary.listed(rows)["row"].to_list() == [0, 2, 4]
    assert vocabulary.listed(rows.head(0)).is_empty()


def test_a_corpus_that_knows_nothing() -> None:
    none = Vocabulary.of(
        pl.DataFrame(schema={"name": pl.String, "value": pl.String}), pl.DataFrame(schema={"brand": pl.String})
    )
    assert none.listed(pl.DataFrame({"name": ["color"], "run": ["red"]})).is_empty()
    said = pl.DataFrame({"word": [1], "home": [None]}, schema=SAID)
    assert TitleWords.of(pl.DataFrame(schema=COUNTS)).counts(said).is_empty()


def test_counts_of_words_are_those_that_joins_would_find() -> None:
    draw = np.random.default_rng(7)
    counted = pl.DataFrame(
        {"word": draw.integers(0, 90, 300), "category": [f"c{n}" for n in draw.integers(0, 20, 300)],
         "products": draw.integers(2, 50, 300)}, schema=COUNTS,
    ).unique(["word", "category"])  # fmt: skip
    words = TitleWords.of(counted)
    titles = pl.DataFrame(
        {"word": draw.integers(0, 120, 500), "category": [f"c{n}" for n in draw.integers(0, 25, 500)]},
        schema={"word": pl.UInt64, "category": pl.String},
    ).with_row_index("row")
    said = titles.join(words.homes, on="category", how="left", maintain_order="left")
    everywhere = counted.group_by("word").agg(everywhere=pl.col("products").sum())
    joined = (
        titles.join(everywhere, on="word")
        .join(counted.select("word", "category", here="products"), on=["word", "category"], how="left")
        .select("row", "everywhere", pl.col("here").fill_null(0))
        .sort("row")
    )
    assert said["home"].null_count() > 0
    assert words.counts(said).select("row", "everywhere", "here").rows() == joined.rows()


def test_no_partition_meets_all_that_the_corpus_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"v{n}" for n in range(5_000)]
    values = pl.DataFrame({"name": ["color"] * len(many), "value": many})
    vocabulary = Vocabulary.of(values, pl.DataFrame({"brand": many}))
    counted = {"word": wording.hashed(pl.Series(many)), "category": ["Mugs"] * len(many), "products": [3] * len(many)}
    words = TitleWords.of(pl.DataFrame(counted, schema=COUNTS))
    sizes = pl.DataFrame({"category": ["Mugs"], "products": [9_000]})
    rows: list[int] = []
    for name in ("join", "unique", "filter"):
        original = getattr(pl.DataFrame, name)

        def counting(self: pl.DataFrame, *args: Any, _original: Any = original, **named: Any) -> pl.DataFrame:
            rows.extend(frame.height for frame in (self, *args) if isinstance(frame, pl.DataFrame))
            result: pl.DataFrame = _original(self, *args, **named)
            return result

        monkeypatch.setattr(pl.DataFrame, name, counting)
    products = pl.DataFrame({"product_id": ["p"], "title": ["Mug v7 v17"], "brand": ["v7"], "category": ["Mugs"]})
    attributes = pl.DataFrame({"product_id": ["p"], "name": ["color"], "value": ["v1"]})
    assert pair.claims(products, attributes, vocabulary).rows() == [
        ("p", "brand", "v17", "rival"), ("p", "brand", "v7", "own"), ("p", "color", "v17", "rival"), ("p", "color", "v7", "rival"),
    ]  # fmt: skip
    assert facts.category_support(products, words, sizes)["title_category_support"].item() == pytest.approx(1)
    assert max(rows) < len(many)  # the spellings of units, some 1,300, are no part of the corpus
