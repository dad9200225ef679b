"""Title against table, on a small corpus written by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from m5tools import wording
from m5tools.measure import known, pair
from m5tools.measure.known import Vocabulary

TABLES: dict[str, tuple[str, dict[str, str]]] = {
    # product: (title, table)
    "a": ("Korvano Kettle red 1.7 L", {"brand": "Korvano", "color": "red", "volume": "1.7 L"}),
    "b": ("Korvano Kettle blue", {"brand": "Korvano", "color": "blue", "volume": "1.7 L"}),
    "c": ("New Veltek mug, Red, 0,5 L", {"brand": "Veltek", "color": "red", "volume": "0,5 L"}),
    "d": ("Veltek mug navy blue 0,5 L", {"brand": "Veltek", "color": "navy blue", "volume": "0,5 L"}),
    "e": ("Blue mug by Veltek with light", {"brand": "Veltek", "color": "blue", "strength": "firm"}),
    "f": ("Red mug by Veltek light 0,5 L", {"brand": "Veltek", "color": "red", "volume": "0,5 L", "strength": "firm"}),
    "g": ("Korvano lamp light", {"brand": "Korvano", "strength": "light"}),
    "h": ("Korvano stick 128 GB", {"brand": "Korvano", "storage": "128 GB", "strength": "light"}),
    "i": ("Korvano stick 256 GB", {"brand": "Korvano", "storage": "256 GB"}),
    "j": ("Stick 128 GB", {"brand": "Korvano", "storage": "128 GB"}),
    "k": ("Korvano stick 256 GB", {"brand": "Korvano", "storage": "256 GB"}),
    "l": ("Home kettle", {"brand": "Home", "color": "red"}),
    "m": ("Veltek cup for your home", {"brand": "Veltek"}),
    "n": ("Home and garden hose", {"brand": "Hosea"}),
    "wrong": ("Veltek Mug blue 0,5 L", {"brand": "Korvano", "color": "red", "volume": "1.7 L"}),
    "half": ("Korvano stick 256 GB", {"brand": "Korvano", "storage": "128 GB"}),
    "silent": ("Nice gift", {"brand": "Korvano", "color": "red"}),
    "untitled": ("", {"brand": "Korvano"}),
    "bare": ("Korvano kettle", {}),
    "for": ("Casewell sleeve for Korvano stick", {"brand": "Casewell"}),
}  # fmt: skip


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, Any]]:
    products = pl.DataFrame(
        {"product_id": list(TABLES), "title": [t for t, _ in TABLES.values()],
         "brand": [table.get("brand") for _, table in TABLES.values()]}
    )  # fmt: skip
    attributes = pl.DataFrame(
        [(p, name, value) for p, (_, table) in TABLES.items() for name, value in table.items() if name != "brand"],
        schema=["product_id", "name", "value"], orient="row",
    )  # fmt: skip
    values = attributes.select("name", value=wording.words(pl.col("value"))).unique()
    brands = products.select(brand=wording.words(pl.col("brand"))).drop_nulls().unique()
    said = pair.claims(products, attributes, Vocabulary.of(values, brands))
    names = pair.reliable_names(pair.name_counts(said).lazy(), 0.7).collect()
    true = pair.true_brands(pair.brand_counts(said).lazy(), 0.5).collect()
    assert sorted(names["name"]) == ["brand", "color", "storage", "volume"]
    return {r["product_id"]: r for r in pair.agreement(products, said, names, true).to_dicts()}


def test_ordinary_titles_agree(found: dict[str, dict[str, Any]]) -> None:
    for product in "abcdefghijk":
        assert found[product]["title_table_agreement"] == 1, product
        assert not found[product]["foreign_brand_in_title"]


def test_the_title_of_another_product_disagrees(found: dict[str, dict[str, Any]]) -> None:
    wrong = found["wrong"]
    assert (wrong["title_table_checked"], wrong["title_table_conflicts"]) == (3, 3)
    assert wrong["title_table_agreement"] == 0
    assert wrong["foreign_brand_in_title"]
    assert not wrong["brand_in_title"]


def test_one_wrong_fact_is_one_conflict(found: dict[str, dict[str, Any]]) -> None:
    assert (found["half"]["title_table_checked"], found["half"]["title_table_conflicts"]) == (2, 1)


def test_a_title_that_tells_nothing_is_unknown_not_wrong(found: dict[str, dict[str, Any]]) -> None:
    silent = found["silent"]
    assert (silent["title_table_checked"], silent["title_table_agreement"]) == (0, None)
    assert (silent["brand_in_title"], silent["foreign_brand_in_title"]) == (False, False)


def test_null_without_title_or_brand(found: dict[str, dict[str, Any]]) -> None:
    for product in ("untitled", "bare"):
        assert found[product]["brand_in_title"] is None
        assert found[product]["foreign_brand_in_title"] is None


def test_names_whose_values_are_common_words_are_not_weighed(found: dict[str, dict[str, Any]]) -> None:
    # "light" is a strength of other products; titles say it for other reasons.
    assert found["e"]["title_table_conflicts"] == 0
    assert found["f"]["title_table_conflicts"] == 0


def test_a_brand_that_is_a_common_word_is_not_foreign(found: dict[str, dict[str, Any]]) -> None:
    assert not found["n"]["foreign_brand_in_title"]


def test_an_accessory_may_name_the_brand_it_fits(found: dict[str, dict[str, Any]]) -> None:
    assert found["for"]["brand_in_title"]
    assert not found["for"]["foreign_brand_in_title"]


def test_brands_in_scripts_without_spaces() -> None:
    products = pl.DataFrame({"product_id": ["p"], "title": ["华为手机新款"], "brand": ["华为"]})
    none = pl.DataFrame(schema={"product_id": pl.String, "name": pl.String, "run": pl.String, "says": pl.String})
    names, brands = pl.DataFrame(schema={"name": pl.String}), pl.DataFrame(schema={"run": pl.String})
    assert pair.agreement(products, none, names, brands)["brand_in_title"].item()


def said_of(title: str, own: str, *others: str) -> set[tuple[str, str]]:
    """What a title says of the volume where the product's table lists `own` and other products' `others`."""
    products = pl.DataFrame({"product_id": ["p"], "title": [title], "brand": pl.Series([None], dtype=pl.String)})
    attributes = pl.DataFrame({"product_id": ["p"], "name": ["volume"], "value": [own]})
    values = pl.DataFrame({"name": ["volume"] * (1 + len(others)), "value": [own.lower(), *others]})
    claims = pair.claims(products, attributes, Vocabulary.of(values, pl.DataFrame(schema={"brand": pl.String})))
    return set(claims.select("run", "says").rows())


def test_a_quantity_in_another_unit_is_the_own_value() -> None:
    assert ("1 l", "own") in said_of("Jug 1 l of glass", "1000 ml", "1 l")
    assert ("1 l", "rival") in said_of("Jug 1 l of glass", "1500 ml", "1 l")
    assert ("101 ml", "rival") in said_of("Vial 101 ml", "100 ml", "101 ml")  # one unit: no rounding


@pytest.mark.parametrize(
    ("title", "foreign"),
    [
        ("Handphone hp murah A96", False),
        ("Handphone Hp murah A96", False),
        ("HANDPHONE HP MURAH A96", False),
        ("HP EliteBook 840", True),
        ("Notebook (HP) 840", True),
        ("HPE server", False),
    ],
)
def test_an_abbreviation_is_a_brand_where_the_title_writes_it_so(title: str, foreign: bool) -> None:
    products = pl.DataFrame({"product_id": ["p"], "title": [title], "brand": ["acer"]})
    said = pl.DataFrame({"product_id": ["p"], "name": [pair.BRAND], "run": ["hp"], "says": ["rival"]})
    names, brands = pl.DataFrame(schema={"name": pl.String}), pl.DataFrame({"run": ["hp"]})
    assert pair.agreement(products, said, names, brands)["foreign_brand_in_title"].item() == foreign


@pytest.mark.parametrize("name", ["brand", "marke", "品牌"])
def test_a_table_of_another_brand_disagrees_whatever_the_brand_field_says(name: str) -> None:
    products = pl.DataFrame({"product_id": ["p", "q"], "title": ["Acer lamp", "Acer mug"], "brand": ["acer", "acer"]})
    attributes = pl.DataFrame({"product_id": ["p", "q"], "name": [name, "colour"], "value": ["Philips", "red"]})
    none = pl.DataFrame(schema={"name": pl.String, "value": pl.String})
    said = pair.claims(products, attributes, Vocabulary.of(none, pl.DataFrame({"brand": ["acer", "philips"]})))
    assert said.rows() == [("p", pair.BRAND, "acer", "rival"), ("q", pair.BRAND, "acer", "own")]


def test_hashes_that_several_runs_share_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    products = pl.DataFrame(
        {"product_id": ["p", "q"], "title": ["Acer lamp red 1 l", "Blue mug of steel 5 w"], "brand": ["acer", None]}
    )
    attributes = pl.DataFrame(
        {"product_id": ["p", "p", "q"], "name": ["color", "volume", "color"], "value": ["Red", "1000 ml", "navy blue"]}
    )
    values = pl.DataFrame(
        {"name": ["color", "color", "volume", "power", "material"], "value": ["red", "blue", "1 l", "5 w", "steel"]}
    )
    brands = pl.DataFrame({"brand": ["acer", "lamp"]})
    expected = pair.claims(products, attributes, Vocabulary.of(values, brands))
    assert expected.height == 5

    def few(column: str) -> pl.Expr:
        return pl.col(column).str.len_bytes().cast(pl.UInt64) % 3

    monkeypatch.setattr(known, "of_run", few)
    monkeypatch.setattr(known, "_of_pair", lambda: few("run"))
    monkeypatch.setattr(pair, "of_run", few)
    vocabulary = Vocabulary.of(values, brands)
    assert len(vocabulary.runs) < vocabulary.rows.height - 3
    assert pair.claims(products, attributes, vocabulary).rows() == expected.rows()
