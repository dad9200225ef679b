"""Attributes that everybody has join nothing, those of a few do; counts are the same however the crawls came."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.why import why
from m5tools.engine.local import run_stage

from .shop import Found, Listing, Option, deliver, tables_of

SYLLABLES = [
    a + b for a in ("ka", "lo", "mi", "nu", "pe", "ro", "sa", "te", "vi", "zo") for b in ("rad", "lun", "mek", "pot")
]
WORDS = [*SYLLABLES, *(word[::-1] for word in SYLLABLES)]
CONSTANT = {"material": "steel", "warranty": "1 year", "origin": "china"}
MORE = {"certificate": "ce", "packaging": "carton"}
OPTIONS = {"colour": Option("black"), "size": Option("one size")}


def titled(number: int, attributes: dict[str, Any] | None) -> list[Listing]:
    """Products of three sellers whose titles share some of their five words by chance."""
    draw = random.Random(1)
    return [
        Listing(f"p{i}", " ".join(draw.sample(WORDS, 5)), seller=("Ann", "Bob", "Cy")[i % 3], attributes=attributes)
        for i in range(number)
    ]


def largest(found: Found) -> int:
    return max(map(len, found.groups("same_product")), default=0)


@pytest.mark.slow
@pytest.mark.parametrize("more", [MORE, OPTIONS], ids=["facts", "options"])
def test_a_table_that_everybody_has_welds_nothing(find: Callable[..., Found], more: dict[str, Any]) -> None:
    found = find(titled(500, CONSTANT | more))
    assert largest(found) < 10, "5 by their titles alone; hundreds where these facts count in full"
    told = found.dataset.read("comparisons")
    assert told.select("agreeing", "values_agreeing").sum().row(0) == (0, 0)
    assert told["options_agreeing"].equals(told["options_usual"])


def test_two_products_that_agree_agree_in_a_small_set(find: Callable[..., Found]) -> None:
    both = [
        Listing(name, title, seller=seller, attributes=CONSTANT)
        for name, title, seller in (("a", "Lamp karad lorad blue", "Ann"), ("b", "Lamp karad mirad blue", "Bob"))
    ]
    found = find(both)
    assert found.dataset.read("comparisons").select("shared", "agreeing", "values_agreeing").row(0) == (3, 3, 3)


@pytest.mark.parametrize(
    ("one", "other", "agreeing", "fewest"),
    [
        (CONSTANT, CONSTANT, 3, 3),
        (CONSTANT | OPTIONS, {"material": "oak"}, 0, 1),
        (CONSTANT, None, None, None),
        (OPTIONS, OPTIONS, None, None),
    ],
)
def test_values_agree_where_both_sides_have_some(
    find: Callable[..., Found], one: Any, other: Any, agreeing: int | None, fewest: int | None
) -> None:
    found = find(
        [
            Listing("a", "Lamp karad lorad blue", seller="Ann", attributes=one),
            Listing("b", "Lamp karad mirad blue", seller="Bob", attributes=other),
        ]
    )
    assert found.dataset.read("comparisons").select("values_agreeing", "values_fewest").row(0) == (agreeing, fewest)


def counts(dataset: Dataset) -> pl.DataFrame:
    told = dataset.read("word_counts").filter(pl.col("kind").is_in(["facts", "names"]))
    sums = told.group_by("kind", "token").agg(pl.col("titles").sum())
    return sums.filter(pl.col("titles") != 0).sort("kind", "token")


def run(dataset: Dataset, listings: list[Listing]) -> Found:
    run_stage(dataset, Compare(CompareConfig()))
    run_stage(dataset, Dedup(DedupConfig()))
    return Found(dataset, {e.product_id: e.name for e in listings}, {})


def test_an_append_counts_as_a_full_run_does(make_dataset: Callable[..., Dataset]) -> None:
    listings = titled(60, CONSTANT)
    old, new = listings[:15], listings[15:]
    changed = Listing("p0", old[0].title, seller="Ann", attributes={"material": "oak"})
    whole = run(make_dataset(tables_of([changed, *listings[1:]]), 1, "whole"), listings)
    grown = run(make_dataset(tables_of(old), 1, "grown"), listings)
    assert grown.dataset.read("comparisons")["agreeing"].max() == 3, "so few may be offers of one product"
    deliver(grown.dataset, "c2", [changed, *new], old)
    grown = run(grown.dataset, listings)
    assert counts(grown.dataset).equals(counts(whole.dataset))
    later = pl.concat(pl.read_parquet(p) for p in grown.dataset.parts("comparisons") if p.parent.name == "c2")
    assert later["agreeing"].max() == 0
    # Products that changed count as new ones; pairs of old products stay as they were compared.
    known = [product.product_id for product in old[1:]]
    stayed = grown.dataset.read("comparisons").filter(
        pl.col("product_a").is_in(known), pl.col("product_b").is_in(known)
    )
    assert stayed["agreeing"].max() == 3


def test_it_is_told_which_facts_tell_little(find: Callable[..., Found]) -> None:
    listings = titled(60, {"weight": (2.0, "kg"), "warranty": "1 year"} | OPTIONS)
    found = find(listings)
    told = why(found.dataset, listings[0].product_id, listings[1].product_id)
    assert told.relation is None
    assert [words for words in told.against if "both say" in words] == [
        "both say colour: black, but 60 of 60 products do, so it tells little",
        "both say size: one size, but 60 of 60 products do, so it tells little",
        "both say warranty: 1 year, but 60 of the 60 products that list 'warranty' do, so it tells little",
        "both say weight: 2000 g, but 60 of the 60 products that list 'weight' do, so it tells little",
    ]
