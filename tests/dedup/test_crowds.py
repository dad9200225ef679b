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
from m5tools.dedup.crowds import Crowds, crowds_among, of_brand
from m5tools.dedup.laid import KEYS, hashed
from m5tools.dedup.why import why
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


def zeta(number: int, mpn: str, gtin: Callable[[int], str | None] = lambda _: None) -> list[Listing]:
    """Products of one brand whose titles are somewhat alike; `{}` in the part number counts them."""
    draw = random.Random(5)
    return [
        Listing(
            f"z{i}",
            f"Zeta steel {' '.join(draw.sample(WORDS, 3))} {draw.choice(['kettle', 'pot', 'pan'])}",
            seller=("Ann", "Bob")[i % 2],
            brand="zeta",
            mpn=mpn.format(i),
            gtin=gtin(i),
        )
        for i in range(number)
    ]


@pytest.mark.parametrize(
    ("mpn", "gtin"),
    [("ZZ-1000", lambda i: f"40{i:011d}"), ("SKU1-{:04d}", lambda _: None)],
    ids=["placeholder beside GTINs", "counter"],
)
def test_a_part_number_above_the_cap_makes_no_family(
    make_dataset: Callable[..., Dataset], mpn: str, gtin: Callable[[int], str | None]
) -> None:
    listings = zeta(CAP + 100, mpn, gtin)
    found = run(make_dataset(tables_of(listings), 2), listings)
    assert found.edges.is_empty()


def test_a_code_below_the_cap_makes_a_family_of_like_titles(make_dataset: Callable[..., Dataset]) -> None:
    unlike_titles = [e.title for e in unlike(2 * TITLES)]
    family = [
        Listing(
            f"k{i}", f"Zeta steel kettle {WORDS[i]} with a hinged lid", seller="Ann", brand="zeta", mpn=f"KD240-{i}"
        )
        for i in range(TITLES + 5)
    ]
    strange = [
        Listing(f"x{i}", title, seller="Ann", brand="zeta", mpn=f"KD240-x{i}") for i, title in enumerate(unlike_titles)
    ]
    listings = [*family, *strange]
    found = run(make_dataset(tables_of(listings), 2), listings)
    assert frozenset(e.name for e in family) in found.groups("variant")
    assert not any("x" in {name[0] for name in pair} and "k" in {name[0] for name in pair} for pair in found.relations)


def test_a_gtin_above_the_cap_keeps_no_cluster_apart(make_dataset: Callable[..., Dataset]) -> None:
    gtin = VALUES["gtin"]["gtin"]
    drill = {"title": "Bosch cordless drill GSR 18V-55 with case", "brand": "bosch", "mpn": "06019H5202"}
    both = [Listing("a", **drill, seller="Ann", gtin=gtin), Listing("b", **drill, seller="Bob", gtin="4012345678901")]
    listings = [*unlike(CAP + 20, gtin=gtin), *both]
    found = run(make_dataset(tables_of(listings), 2), listings)
    assert found.relation("a", "b") == "same_product"
    assert frozenset({"a", "b"}) in found.groups("same_product")
    assert why(found.dataset, *(e.product_id for e in both)).clusters[0].startswith("both are in")


@pytest.mark.parametrize(("number", "proves"), [(CAP + 20, "proves nothing"), (2 * TITLES, "believed of like titles")])
@pytest.mark.parametrize("kind", VALUES)
def test_it_is_told_why_an_identifier_is_not_believed(
    make_dataset: Callable[..., Dataset], kind: str, number: int, proves: str
) -> None:
    listings = unlike(number, **VALUES[kind])
    found = run(make_dataset(tables_of(listings), 2), listings)
    for other in (3, 4):
        told = why(found.dataset, listings[0].product_id, listings[other].product_id)
        assert told.relation is None
        assert any(f"{number} products" in words and proves in words for words in told.against), told
        assert not any("no item group" in words for words in told.missing)


def products(values: list[str | None], stems: list[str]) -> pl.LazyFrame:
    rows = pl.Series(range(len(values)), dtype=pl.UInt32)
    none = pl.lit(None, pl.String)
    frame = pl.DataFrame({"row": rows, "gtin": values, "stem": stems}, schema_overrides={"gtin": pl.String})
    return frame.lazy().with_columns(
        source=pl.lit("shop"), url=none, brand=none, mpn=none, group=none, own_codes=pl.lit([], pl.List(pl.UInt32))
    )


def test_crowds_are_counted_by_products_and_by_titles() -> None:
    hub, placeholder, sold = (["1"] * (CAP + 1), ["2"] * (TITLES + 1), ["3"] * CAP)
    stems = ["same"] * len(hub) + [f"t{i}" for i in range(len(placeholder))] + ["same"] * len(sold)
    found = crowds_among([products([*hub, *placeholder, *sold, None, None], [*stems, "a", "b"])], POLICY)
    keys = pl.DataFrame({"gtin": ["1", "2", "3"]}).select(hashed(pl.col("gtin"))).to_series()
    assert found.select("key", "is_hub").sort("is_hub").rows() == [(keys[1], False), (keys[0], True)]
    assert found["kind"].unique().to_list() == ["gtin"]

    crowds = Crowds.told(found)
    laid = np.zeros((4, len(KEYS)), np.uint64)
    laid[:3, KEYS.index("gtin")] = keys.to_numpy()
    assert crowds.doubts("gtin", laid).tolist() == [False, True, False, False]
    assert crowds.doubts("part", laid).tolist() == [False] * 4
    assert crowds.without_hubs(laid)[:, KEYS.index("gtin")].tolist() == [0, keys[1], keys[2], 0]


def test_codes_are_counted_by_brand() -> None:
    values: list[str | None] = [None] * (CAP + TITLES + 2)
    codes = [[1]] * (CAP + 1) + [[2, 3]] * (TITLES + 1)
    brands = ["acme"] * len(values)
    listed = products(values, [f"t{i}" for i in range(len(values))]).with_columns(
        own_codes=pl.Series(codes, dtype=pl.List(pl.UInt32)), brand=pl.Series(brands)
    )
    other = listed.head(3).with_columns(brand=pl.lit("other"))
    nobody = listed.head(CAP + 1).with_columns(
        brand=pl.lit(None, pl.String), own_codes=pl.concat_list(pl.lit(4, pl.UInt32))
    )
    found = crowds_among([listed, other, nobody], POLICY)
    acme, other_brand = pl.DataFrame({"brand": ["acme", "other"]}).select(hashed(pl.col("brand"))).to_series()
    asked = of_brand(np.array([acme] * 3 + [other_brand], np.uint64), np.array([1, 2, 3, 1], np.uint64))
    assert sorted(found.select("kind", "key", "is_hub").rows()) == sorted(
        ("code", int(key), is_hub) for key, is_hub in zip(asked[:3], (True, False, False), strict=True)
    )
    crowds = Crowds.told(found)
    assert crowds.believes_codes(asked, np.ones(4, bool)).tolist() == [False, True, True, True]
    assert crowds.believes_codes(asked, np.zeros(4, bool)).tolist() == [False, False, False, True]


def test_pages_are_counted_part_by_part_without_a_window_over_all(monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(2)
    rows = [("hub", f"s{i % 2}", "same") for i in range(CAP + 1)]
    rows += [("placeholder", f"s{i}", f"t{i}") for i in range(TITLES + 1)]
    rows += [("front page", f"s{i % 2}", f"t{i}") for i in range(4)]
    rows += [("of one source", "s1", f"t{i}") for i in range(CAP + 1)]
    rows += [(f"p{draw.randrange(60)}", f"s{draw.randrange(3)}", f"t{draw.randrange(3)}") for _ in range(150)]
    urls, sources, stems = zip(*draw.sample(rows, len(rows)), strict=True)
    listed = products([None] * len(rows), list(stems)).with_columns(url=pl.Series(urls), source=pl.Series(sources))
    every = listed.collect()
    page = pl.when(pl.col("source").n_unique().over("url") > 1).then("url")
    borne = every.with_columns(key=hashed(page)).filter(pl.col("key") != 0)
    told = borne.group_by("key").agg(size=pl.len(), titles=pl.col("stem").n_unique())
    worded = borne.group_by("key", "source").agg(pl.col("stem").n_unique()).group_by("key").agg(pl.col("stem").max())
    is_hub = (pl.col("size") > CAP) | (pl.col("stem") > 1)
    crowded = told.join(worded, on="key").filter(is_hub | (pl.col("titles") > TITLES))
    expected = crowded.select(pl.lit("url").alias("kind"), "key", is_hub.alias("is_hub")).sort("key")
    assert expected["is_hub"].sum() > 3
    assert not expected["is_hub"].all()
    plans, collect = [], pl.LazyFrame.collect

    def noting(frame: pl.LazyFrame, *args: Any, **options: Any) -> Any:
        plans.append(frame.explain(optimized=False))
        return collect(frame, *args, **options)

    monkeypatch.setattr(pl.LazyFrame, "collect", noting)
    found = crowds_among([every[:300].lazy(), every[300:300].lazy(), every[300:].lazy()], POLICY)
    monkeypatch.undo()
    assert found.equals(expected)
    assert plans
    assert not any("over(" in plan for plan in plans), "a window holds every address"


def test_nothing_is_crowded_where_nothing_is_told() -> None:
    found = crowds_among([products([None, None], ["a", "b"])], POLICY)
    assert found.is_empty()
    assert not Crowds.told(found).hubs
