"""Parts in the tasks: every query has something to find, nothing outside test plays, ids alone decide."""

from __future__ import annotations

import random

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from m5tools.split.catalogue import Catalogue
from m5tools.split.roles import ROLES, roles

_CLUSTERS = {"relation": pl.String, "cluster_id": pl.String, "product_id": pl.String, "is_survivor": pl.Boolean}
_SPLITS = {"product_id": pl.String, "split": pl.String, "barred": pl.String, "category": pl.String}


def _splits(rows: list[tuple[str, str, str | None, str]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_SPLITS, orient="row")


def _clusters(*rows: tuple[str, str, str, bool]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=_CLUSTERS, orient="row")


def _id(name: str) -> str:
    """An id in the order of names."""
    return name.encode().hex().ljust(32, "0")


def _parts(splits: pl.DataFrame, clusters: pl.DataFrame, query_share: float = 0.2, seed: int = 0) -> pl.DataFrame:
    """By name what :func:`roles` says by number."""
    products = splits.select(pl.col("product_id").map_elements(_id, pl.String), "category").sort("product_id")
    catalogue = Catalogue.over([products])
    rows = pl.Series("row", [products["product_id"].index_of(_id(name)) for name in splits["product_id"]], pl.UInt32)
    category = catalogue.products["category"][rows]
    ids = pl.col("cluster_id", "product_id").map_elements(_id, pl.String)
    joined = catalogue.numbers.numbered([clusters.with_columns(ids).lazy()], cluster="cluster_id", row="product_id")
    parts = roles(
        splits.select(rows, "split", "barred", category), joined, catalogue, query_share=query_share, least_of_class=2,
        seed=seed,
    )  # fmt: skip
    return pl.concat([splits, parts.select(ROLES).cast(pl.String)], how="horizontal")


def test_a_share_of_every_category_asks_and_one_at_least() -> None:
    rows = [(f"k{i:03d}", "test", None, "Kettles") for i in range(100)]
    rows += [("m0", "test", None, "Mugs"), ("m1", "test", None, "Mugs"), ("lamp", "test", None, "Lamps")]
    rows += [("lost", "test", None, ""), ("k-train", "train", None, "Kettles")]
    parts = _parts(_splits(rows), _clusters())
    counted = {(c, r): n for c, r, n in parts.group_by("category", "coarse").len().iter_rows()}
    assert counted["Kettles", "query"] == 20
    assert counted["Kettles", "gallery"] == 80
    assert (counted["Mugs", "query"], counted["Mugs", "gallery"]) == (1, 1)
    assert counted["Lamps", "distractor"] == 1
    assert counted["", None] == 1
    assert counted["Kettles", None] == 1


def test_one_offer_of_a_product_asks_for_the_others() -> None:
    ids = ["a", "b", "c", "d", "e", "f"]
    clusters = _clusters(
        ("same_offer", "a", "a", True), ("same_offer", "a", "b", False),
        *(("same_product", "a", name, name == "a") for name in "abcd"),
    )  # fmt: skip
    parts = _parts(_splits([(name, "test", None, "Mugs") for name in ids]), clusters)
    fine = dict(parts.select("product_id", "fine").iter_rows())
    assert fine["b"] is None, "a re-listing is found without effort"
    assert sorted(fine[name] for name in "acd") == ["gallery", "gallery", "query"]
    assert fine["e"] == fine["f"] == "distractor"


def test_two_listings_of_one_offer_are_nothing_to_find() -> None:
    clusters = _clusters(
        ("same_offer", "a", "a", True), ("same_offer", "a", "b", False),
        ("same_product", "a", "a", True), ("same_product", "a", "b", False),
    )  # fmt: skip
    fine = _parts(_splits([("a", "test", None, "x"), ("b", "test", None, "x")]), clusters)["fine"]
    assert fine.to_list() == ["distractor", None]


def test_classes_are_those_that_train_has_enough_of_and_test_has() -> None:
    rows = [("a", "train", None, "Mugs"), ("b", "train", None, "Mugs"), ("c", "test", None, "Mugs")]
    rows += [("d", "train", None, "Lamps"), ("e", "test", None, "Lamps")]
    rows += [("f", "train", None, "Bowls"), ("g", "train", None, "Bowls"), ("h", "val", None, "Bowls")]
    found = dict(_parts(_splits(rows), _clusters()).select("product_id", "classification").iter_rows())
    assert {name: part for name, part in found.items() if part} == {"a": "train", "b": "train", "c": "test"}


def test_the_barred_play_no_part() -> None:
    rows = [("a", "test", "no_category", "Mugs"), ("b", "test", None, "Mugs"), ("c", "test", None, "Mugs")]
    parts = _parts(_splits(rows), _clusters())
    assert parts.row(0, named=True) | dict.fromkeys(ROLES) == parts.row(0, named=True)
    assert set(parts["coarse"][1:]) == {"query", "gallery"}


@given(
    categories=st.lists(st.sampled_from(["", "x", "y", "z"]), min_size=1, max_size=40),
    seed=st.integers(0, 9),
    share=st.floats(0.01, 0.99),
)
def test_every_query_finds_something_and_rows_have_no_order(categories: list[str], seed: int, share: float) -> None:
    splits = _splits([(f"{i:02d}", "test" if i % 3 else "train", None, c) for i, c in enumerate(categories)])
    parts = _parts(splits, _clusters(), share, seed)
    turned = splits.sample(fraction=1, shuffle=True, seed=random.Random(seed).randrange(99))
    assert _parts(turned, _clusters(), share, seed).sort("product_id").equals(parts)
    asking = parts.filter(pl.col("coarse") == "query")["category"].unique()
    answering = parts.filter(pl.col("coarse") == "gallery")["category"].unique()
    assert set(asking) == set(answering)
    assert (
        parts.filter(pl.col("split") != "test")["coarse"].null_count() == parts.filter(pl.col("split") != "test").height
    )
    distracting = parts.filter(pl.col("coarse") == "distractor").group_by("category").len()
    assert distracting["len"].to_list() == [1] * distracting.height


def test_another_seed_asks_others() -> None:
    splits = _splits([(f"{i:02d}", "test", None, "x") for i in range(50)])
    one, other = (_parts(splits, _clusters(), seed=s)["coarse"] for s in (0, 1))
    assert not one.equals(other)
