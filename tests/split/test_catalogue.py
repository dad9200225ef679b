"""Products by number: what names none of them is left out, and no table is read whole."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.split import SplitConfig, SplitStage
from m5tools.split.catalogue import RELATIONS, SPLITS, Catalogue, _Names, drawn

_IDS = sorted(hashlib.sha256(str(i).encode()).hexdigest()[:32] for i in range(40))
_CATEGORIES = ["", "Mugs", "Lamps", "", "Bowls"]


def _tables() -> dict[str, list[dict[str, Any]]]:
    common = {"crawl_id": "c1", "source": "shop", "content_hash": "0", "origin_file": "f", "origin_offset": 0}
    named = zip(_IDS, _CATEGORIES * 8, strict=True)
    cluster = {"relation": "variant", "is_survivor": False, "cluster_id": _IDS[3]}
    return {
        "products": [{"product_id": name, "category": [c] if c else [], **common} for name, c in named][::-1],
        "clusters": [{**cluster, "product_id": name} for name in (_IDS[3], _IDS[30], "f" * 32)],
        "bridges": [{"product_id": _IDS[5], "other_id": other} for other in (_IDS[9], "0" * 32)],
    }


@pytest.mark.parametrize("partitions", [1, 4])
def test_products_by_number(make_dataset: Callable[..., Dataset], partitions: int) -> None:
    dataset = make_dataset(_tables(), partitions)
    catalogue = Catalogue.of(dataset)
    assert catalogue.products["row"].to_list() == list(range(40))
    names = [catalogue.categories[place] for place in catalogue.products["category"]]
    assert names == _CATEGORIES * 8
    assert catalogue.categories[0] == ""
    assert catalogue.categories.is_sorted()
    assert catalogue.clusters(dataset).sort("row").rows() == [("variant", False, 3, 3), ("variant", False, 3, 30)]
    assert catalogue.clusters(dataset).schema["relation"] == RELATIONS
    assert catalogue.bridges(dataset).select("row", "other").rows() == [(5, 9)]
    splits = catalogue.products.with_columns(split=pl.Series([0, 2] * 20, dtype=pl.UInt8).cat.to(SPLITS))
    parts = [catalogue.named(splits, i) for i in range(partitions)]
    assert pl.concat(parts)["product_id"].to_list() == _IDS
    assert pl.concat(parts)["split"].to_list() == ["train", "test"] * 20
    for i, part in enumerate(parts):
        assert set(part["product_id"]) == set(dataset.read("products", partition=i)["product_id"])
    assert catalogue.draws(catalogue.products["row"][7:9], 5).to_list() == drawn(pl.Series(_IDS[7:9]), 5).to_list()


def test_no_table_is_read_whole(make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = make_dataset(_tables(), 4)
    scan = Dataset.scan
    seen: list[tuple[str, int | None]] = []

    def noted(self: Dataset, table: str, *, partition: int | None = None, **choices: str) -> pl.LazyFrame:
        seen.append((table, partition))
        return scan(self, table, partition=partition, **choices)

    monkeypatch.setattr(Dataset, "scan", noted)
    run_stage(dataset, SplitStage(SplitConfig()))
    # Of splits there is nothing to go on from; asked for is what columns the table has.
    whole = {table for table, partition in seen if partition is None}
    assert whole <= {"splits"}
    assert sorted(seen) == sorted({*seen})


def test_a_name_of_many_parts_is_held_once_and_names_ascend_whatever_came_first() -> None:
    named = [["Mugs", "Zithers", "Mugs"], [], ["Bowls", "Mugs"], ["", "Émaux", "Bowls"]]
    starts = [sum(map(len, named[:i])) for i in range(len(named))]
    schema = {"product_id": pl.String, "category": pl.String}
    parts = [
        pl.DataFrame({"product_id": _IDS[start : start + len(names)], "category": names}, schema=schema)
        for start, names in zip(starts, named, strict=True)
    ]
    seen = _Names()
    assert [seen.places(part["category"]).tolist() for part in parts] == [[1, 2, 1], [], [3, 1], [0, 4, 3]]
    assert seen.seen.to_list() == ["", "Mugs", "Zithers", "Bowls", "Émaux"]
    catalogue = Catalogue.over(iter(parts))
    assert catalogue.categories.to_list() == ["", "Bowls", "Mugs", "Zithers", "Émaux"]
    assert [catalogue.categories[i] for i in catalogue.products["category"]] == [
        name for names in named for name in names
    ]
    assert catalogue.first == [0, 3, 3, 5, 8]
    nobody = Catalogue.over(iter(()))
    assert (nobody.categories.to_list(), nobody.products.height) == ([""], 0)
    assert catalogue.products.schema == nobody.products.schema == {"row": pl.UInt32, "category": pl.UInt32}
