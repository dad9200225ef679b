"""What is gathered of products: of the tables what is compared, of each product its latest version."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import NoReturn

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup.products import gather, numbered
from tests.dedup.shop import POLICY, Listing, Option, deliver, tables_of

SHOP = [
    Listing("kettle", "Acme steel kettle AK-1700", "Boils fast.", {"material": "steel", "lid": "hinged"}, brand="Acme"),
    Listing("tee", "Crew neck tee shirt", attributes={"colour": Option("red")}, group_id="g", images=(None,)),
    Listing("mug", "Mug", attributes={"volume": (250.0, "ml")}, mpn="M-100", url="https://shop.example/p/mug"),
    Listing("bare"),
]
UNREAD = {
    "products": ["raw", "native_id", "sku", "origin_file"],
    "attributes": ["name_raw", "value_raw", "numbers", "form"],
    "media": ["location_raw", "location"],
}


def test_columns_that_are_not_compared_are_not_read(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset(tables_of(SHOP), 1)
    expected = gather(dataset, 0, numbered(dataset, 0), POLICY)
    of_crawls = Dataset.of_crawls

    def fail(_: pl.Series) -> NoReturn:
        raise AssertionError("a column that nothing compares was read")

    def guarded(self: Dataset, table: str, crawls: Collection[str], partition: int | None = None) -> pl.LazyFrame:
        unread = (pl.col(name).map_batches(fail, pl.self_dtype()) for name in UNREAD[table])
        return of_crawls(self, table, crawls, partition).with_columns(unread)

    monkeypatch.setattr(Dataset, "of_crawls", guarded)
    for found, wanted in zip(gather(dataset, 0, numbered(dataset, 0), POLICY), expected, strict=True):
        assert found.height
        assert found.equals(wanted)


def test_codes_of_a_title_are_words_of_it_and_what_it_writes_in_parts(make_dataset: Callable[..., Dataset]) -> None:
    titles = ["Radio KD-G335, 12V", "Radio", None]
    listings = [Listing(f"n{i}", title, mpn="XY-100-2") for i, title in enumerate(titles)]
    dataset = make_dataset(tables_of(listings), 1)
    products, _ = gather(dataset, 0, numbered(dataset, 0), POLICY)
    found = {row["title"]: row for row in products.to_dicts()}
    assert {title: set(row["title_codes"]) for title, row in found.items()} == {
        "radio kd-g335, 12v": {"kdg335", "g335"}, "radio": set(), None: set(),
    }  # fmt: skip
    assert {title: set(row["own_codes"]) - set(row["declared"]) for title, row in found.items()} == {
        title: set(row["title_codes"]) for title, row in found.items()
    }
    assert found["radio kd-g335, 12v"]["said"].split() == ["radio", "kd", "g335", "12v", "kdg335"]


def test_of_some_products_the_same_is_gathered_as_of_all(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(tables_of(SHOP), 1)
    every = numbered(dataset, 0)
    some = every.filter(pl.col("row") % 2 == 1)
    assert every.height == len(SHOP)
    for found, whole in zip(gather(dataset, 0, some, POLICY), gather(dataset, 0, every, POLICY), strict=True):
        assert found.equals(whole.filter(pl.col("row") % 2 == 1))


def test_of_a_product_that_changed_the_latest_version_is_gathered(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset(tables_of(SHOP), 1)
    changed = [Listing("mug", "Blue mug", attributes={"volume": (300.0, "ml")}), Listing("jug", "Jug")]
    deliver(dataset, "c2", changed, SHOP)
    products, facts = gather(dataset, 0, numbered(dataset, 0), POLICY)
    assert sorted(title for title in products["title"] if title) == [
        "acme steel kettle ak-1700", "blue mug", "crew neck tee shirt", "jug",
    ]  # fmt: skip
    told = {name: values for name, values in facts.select("name", "values").iter_rows() if name == "volume"}
    assert told == {"volume": ["300.0 volume"]}
