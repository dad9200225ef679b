"""The survey on hand-written rows: the counts, and that they do not depend on how the products are cut up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

import polars as pl
import pytest

from m5tools import wording
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.survey.count import Partition
from m5tools.survey.stage import Survey, SurveyConfig

MUGS = ["Home", "Mugs"]
SHARED = "We ship all orders within two days"


def product(number: int, **fields: Any) -> dict[str, Any]:
    """A product whose id spreads over the partitions."""
    return {
        "product_id": f"{number * 9973 % 65536:04x}{number:028x}",
        "crawl_id": "c1",
        "source": "shop",
        "content_hash": "0" * 32,
        "origin_file": "a.jsonl",
        "origin_offset": number,
        "category": [],
        **fields,
    }


@pytest.fixture
def tables() -> dict[str, list[dict[str, Any]]]:
    products = [
        product(0, title="Red Mug", description=f"A mug of 0.5 L. {SHARED}!", category=MUGS, brand="Korvano"),
        product(1, title="Blue Mug", description=f"{SHARED.upper()}. Nothing else here", category=MUGS),
        product(2, title="blue  mug", description=f"• {SHARED}\n• Made in Norway by hand", category=MUGS),
        product(3, title="Cable", description="Made in Norway by hand. made in  Norway by hand!", category=["Cables"]),
        product(4, title=None, description=None, brand="KORVANO "),
        product(5, title="Lamp", description="Made in Norway by hand", category=["Lamps"]),
    ]
    ids = [p["product_id"] for p in products]

    def pair(of: int, position: int, name: str, value: str | None) -> dict[str, Any]:
        return {"product_id": ids[of], "crawl_id": "c1", "position": position, "is_option": False,
                "name_raw": name, "value_raw": value, "name": name, "value": value}  # fmt: skip

    def listed(of: int, position: int, location: str) -> dict[str, Any]:
        return {"product_id": ids[of], "crawl_id": "c1", "source": "shop", "position": position, "modality": "image",
                "location_raw": location, "location": location, "location_id": location}  # fmt: skip

    return {
        "products": products,
        "attributes": [
            pair(0, 0, "color", "Red"), pair(1, 0, "color", "Navy  Blue"), pair(2, 0, "color", "navy blue"),
            pair(0, 1, "note", "one two three four"), pair(1, 1, "note", "one two three four"),
            pair(3, 0, "color", None),
            pair(2, 1, "color", "NAVY BLUE"), pair(1, 2, "note", "another"),
        ],
        "media": [listed(0, 0, "l0"), listed(0, 1, "l1"), listed(1, 0, "l0"), listed(2, 0, "l2"), listed(4, 0, "l0"),
                  listed(5, 0, "gone")],
        "fetched": [
            {"location_id": "l0", "asset_id": "a", "state": 0, "reason": 0},
            {"location_id": "l1", "asset_id": "a", "state": 0, "reason": 0},
            {"location_id": "l2", "asset_id": "b", "state": 0, "reason": 0},
            {"location_id": "gone", "asset_id": None, "state": 3, "reason": 7},
        ],
    }  # fmt: skip


@pytest.fixture
def surveyed(make_dataset: Callable[..., Dataset], tables: dict[str, list[dict[str, Any]]]) -> Dataset:
    dataset = make_dataset(tables)
    run_stage(dataset, Survey(SurveyConfig()))
    return dataset


def hash_of(phrase: str) -> int:
    return int(wording.hashed(pl.Series([phrase]))[0])


def test_phrases_are_kept_from_three_products_of_two_titles_on(surveyed: Dataset) -> None:
    shared, made = hash_of(SHARED.lower()), hash_of("made in norway by hand")
    found = {row.pop("phrase"): row for row in surveyed.read("corpus_phrases").to_dicts()}
    assert found == {
        shared: {"products": 3, "titles": 2, "categories": 1},  # two titles differ in case and spaces only
        made: {"products": 3, "titles": 3, "categories": 3},
    }


def test_assets_count_products_titles_and_categories_once(surveyed: Dataset) -> None:
    assert surveyed.read("corpus_assets").sort("asset_id").to_dicts() == [
        {"asset_id": "a", "products": 3, "titles": 3, "categories": 1},
        {"asset_id": "b", "products": 1, "titles": 1, "categories": 1},
    ]


def test_attribute_names_values_and_brands(surveyed: Dataset) -> None:
    assert surveyed.read("corpus_attributes").filter(pl.col("name") == "color").to_dicts() == [
        {"category": "Cables", "name": "color", "products": 1},
        {"category": "Home > Mugs", "name": "color", "products": 3},
    ]
    assert surveyed.read("corpus_names").to_dicts() == [
        {"source": "shop", "name": "color", "products": 3, "several": 0},  # the same colour twice is one value
        {"source": "shop", "name": "note", "products": 2, "several": 1},
    ]
    # "red" is listed once, the note is too long.
    assert surveyed.read("corpus_values").to_dicts() == [{"name": "color", "value": "navy blue", "products": 2}]
    assert surveyed.read("corpus_brands").to_dicts() == [{"brand": "korvano", "products": 2}]


def test_bands_follow_the_cumulated_share(make_dataset: Callable[..., Dataset]) -> None:
    sizes = {"a": 50, "b": 25, "c": 15, "d": 6, "e": 4}
    names = [name for name, size in sizes.items() for _ in range(size)]
    products = [product(i, title=f"t{i}", category=[name]) for i, name in enumerate(names)]
    products.append(product(999, title="without a category"))
    dataset = make_dataset({"products": products, "attributes": [], "media": [], "fetched": []})
    run_stage(dataset, Survey(SurveyConfig()))
    found = dataset.read("corpus_categories")
    assert found["band"].to_list() == ["head", "middle", "middle", "tail", "tail"]
    assert found["rank"].to_list() == [1, 2, 3, 4, 5]
    assert found["products"].to_list() == list(sizes.values())


def test_categories_of_equal_size_are_ranked_by_name(make_dataset: Callable[..., Dataset]) -> None:
    products = [product(i, title="t", category=[name]) for i, name in enumerate("cab")]
    dataset = make_dataset({"products": products, "attributes": [], "media": [], "fetched": []})
    run_stage(dataset, Survey(SurveyConfig()))
    assert dataset.read("corpus_categories").sort("rank")["category"].to_list() == ["a", "b", "c"]


@pytest.mark.parametrize("partitions", [1, 5])
def test_the_cut_into_partitions_changes_nothing(
    surveyed: Dataset,
    make_dataset: Callable[..., Dataset],
    tables: dict[str, list[dict[str, Any]]],
    partitions: int,
) -> None:
    other = make_dataset(tables, partitions=partitions, name=f"cut{partitions}")
    run_stage(other, Survey(SurveyConfig()))
    for table in Survey.writes:
        mine, theirs = other.read(table), surveyed.read(table)
        assert mine.sort(mine.columns).equals(theirs.sort(mine.columns)), table


def test_workers_and_repetition_change_no_byte(
    surveyed: Dataset, make_dataset: Callable[..., Dataset], tables: dict[str, list[dict[str, Any]]]
) -> None:
    other = make_dataset(tables, name="again")
    run_stage(other, Survey(SurveyConfig()), workers=2)
    for table in Survey.writes:
        assert [p.read_bytes() for p in other.parts(table)] == [p.read_bytes() for p in surveyed.parts(table)], table


def test_buckets_by_the_run_change_no_byte(
    make_dataset: Callable[..., Dataset], tables: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (make_dataset(tables, partitions=5, name=name) for name in ("one", "other"))
    run_stage(one, Survey(SurveyConfig()))
    monkeypatch.setattr("m5tools.survey.stage._RUNS", 2)
    assert [unit.key for unit in Survey(SurveyConfig()).units(other, "place")] == ["part-00000", "part-00003"]
    run_stage(other, Survey(SurveyConfig()))
    for table in Survey.writes:
        assert [p.read_bytes() for p in one.parts(table)] == [p.read_bytes() for p in other.parts(table)], table


def test_where_no_file_was_had_no_listing_is_looked_at(
    make_dataset: Callable[..., Dataset], tables: dict[str, list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = [{**row, "asset_id": None, "state": 3, "reason": 7} for row in tables["fetched"]]
    dataset, other = make_dataset(tables | {"fetched": gone}), make_dataset(tables | {"fetched": gone}, name="other")
    monkeypatch.setattr("m5tools.survey.stage.any_was_had", lambda _: True)
    run_stage(other, Survey(SurveyConfig()))
    monkeypatch.undo()

    def fail(_: Partition) -> NoReturn:
        raise AssertionError("listings were looked at")

    monkeypatch.setattr(Partition, "listings", fail)
    run_stage(dataset, Survey(SurveyConfig()))
    for table in Survey.writes:
        assert [p.read_bytes() for p in dataset.parts(table)] == [p.read_bytes() for p in other.parts(table)], table
        assert dataset.parts(table), table


def test_words_of_titles_by_category(surveyed: Dataset) -> None:
    # "red" and "mug" count once a product; of cables and lamps there is one product each.
    found = surveyed.read("corpus_words").sort("products")
    assert found.select("category", "products").rows() == [("Home > Mugs", 2), ("Home > Mugs", 3)]
    assert found["word"].to_list() == [hash_of("blue"), hash_of("mug")]
