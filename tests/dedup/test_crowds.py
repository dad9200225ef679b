"""Identifiers that too many products bear join nothing by themselves."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.crowds import Crowds, crowds_among
from m5tools.dedup.laid import KEYS, hashed
from m5tools.engine.local import run_stage

from .shop import POLICY, Found, Listing, tables_of

CAP, TITLES = POLICY.join.cap, POLICY.identifier.hub_titles
WORDS = [
    a + b
    for a in ("ka", "lo", "mi", "nu", "pe", "ro", "sa", "te", "vi", "zo")
    for b in ("rad", "lun", "mek", "pot", "sil")
]
VALUES = {"gtin": {"gtin": "4006381333931"}, "part": {"brand": "acme", "mpn": "AB-100"}}


def unlike(number: int, **value: Any) -> list[Listing]:
    """Products of two sellers whose titles share a word or two by chance, as rare words that make pairs candidates."""
    draw = random.Random(7)
    return [
        Listing(f"u{i}", " ".join(draw.sample(WORDS, 6)), seller=("Ann", "Bob")[i % 2], **value) for i in range(number)
    ]


def offers(number: int, **value: Any) -> list[Listing]:
    """One product as many sellers word it."""
    return [
        Listing(f"o{i}", f"Steel kettle {WORDS[i % 50]} with a hinged lid and a whistle", seller=f"s{i}", **value)
        for i in range(number)
    ]


def run(dataset: Dataset, listings: list[Listing]) -> Found:
    run_stage(dataset, Compare(CompareConfig()))
    run_stage(dataset, Dedup(DedupConfig()))
    return Found(dataset, {e.product_id: e.name for e in listings}, {})


def joined_by_identifier(found: Found) -> int:
    return found.edges.filter(evidence="identifier").height


@pytest.mark.parametrize("kind", VALUES)
def test_a_value_above_the_cap_welds_nothing(make_dataset: Callable[..., Dataset], kind: str) -> None:
    listings = unlike(CAP + 20, **VALUES[kind])
    found = run(make_dataset(tables_of(listings), 2), listings)
    assert joined_by_identifier(found) == 0
    assert all(len(group) < 10 for group in found.groups("same_product"))


@pytest.mark.parametrize("kind", VALUES)
def test_a_placeholder_below_the_cap_welds_nothing(make_dataset: Callable[..., Dataset], kind: str) -> None:
    listings = unlike(2 * TITLES, **VALUES[kind])
    found = run(make_dataset(tables_of(listings), 2), listings)
    assert joined_by_identifier(found) < 8, "of 780 pairs a few share three words of six by chance"
    assert all(len(group) < 5 for group in found.groups("same_product"))


@pytest.mark.parametrize("kind", VALUES)
def test_many_offers_of_one_product_stay_one(make_dataset: Callable[..., Dataset], kind: str) -> None:
    sold = offers(2 * TITLES, **VALUES[kind])
    listings = [*sold, *unlike(300)]
    found = run(make_dataset(tables_of(listings), 2), listings)
    assert frozenset(e.name for e in sold) in found.groups("same_product")


def test_few_offers_are_believed_whatever_their_titles(make_dataset: Callable[..., Dataset]) -> None:
    listings = unlike(3, **VALUES["gtin"])
    found = run(make_dataset(tables_of(listings), 2), listings)
    assert found.groups("same_product") == {frozenset(e.name for e in listings)}


def test_a_group_above_the_cap_is_believed_of_like_titles(make_dataset: Callable[..., Dataset]) -> None:
    like = [Listing(f"g{i}", f"Case for phone {WORDS[i % 50]} {i}", group_id="g") for i in range(CAP + 1)]
    strange = [Listing(f"x{e.name}", f"{e.title} teapot", group_id="g") for e in unlike(40)]
    listings = [*like, *strange]
    found = run(make_dataset(tables_of(listings), 2), listings)
    both = {frozenset(name[0] for name in pair) for pair in found.relations}
    assert frozenset({"g", "x"}) not in both, "a placeholder makes no variants of a case and a teapot"
    assert frozenset({"g"}) in both


def products(values: list[str | None], stems: list[str]) -> pl.LazyFrame:
    rows = pl.Series(range(len(values)), dtype=pl.UInt32)
    none = pl.lit(None, pl.String)
    frame = pl.DataFrame({"row": rows, "gtin": values, "stem": stems}, schema_overrides={"gtin": pl.String})
    return frame.lazy().with_columns(brand=none, mpn=none, group=none)


def test_crowds_are_counted_by_products_and_by_titles() -> None:
    hub, placeholder, sold = (["1"] * (CAP + 1), ["2"] * (TITLES + 1), ["3"] * CAP)
    stems = ["same"] * len(hub) + [f"t{i}" for i in range(len(placeholder))] + ["same"] * len(sold)
    found = crowds_among(products([*hub, *placeholder, *sold, None, None], [*stems, "a", "b"]), POLICY)
    keys = pl.DataFrame({"gtin": ["1", "2", "3"]}).select(hashed(pl.col("gtin"))).to_series()
    assert found.select("key", "is_hub").sort("is_hub").rows() == [(keys[1], False), (keys[0], True)]
    assert found["kind"].unique().to_list() == ["gtin"]

    crowds = Crowds.told(found)
    laid = np.zeros((4, len(KEYS)), np.uint64)
    laid[:3, KEYS.index("gtin")] = keys.to_numpy()
    assert crowds.doubts("gtin", laid).tolist() == [False, True, False, False]
    assert crowds.doubts("part", laid).tolist() == [False] * 4
    assert crowds.without_hubs(laid)[:, KEYS.index("gtin")].tolist() == [0, keys[1], keys[2], 0]


def test_nothing_is_crowded_where_nothing_is_told() -> None:
    found = crowds_among(products([None, None], ["a", "b"]), POLICY)
    assert found.is_empty()
    assert not Crowds.told(found).hubs
