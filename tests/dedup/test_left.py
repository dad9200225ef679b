"""What rounds leave each other: products by number, in the partitions they came from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.dedup.left import Left
from m5tools.dedup.stage import decisions_of
from m5tools.partitions import part_name, partition_of

from .shop import POLICY, product_id

OLD = sorted(product_id(f"old {i}") for i in range(20))
NEW = sorted(product_id(f"new {i}") for i in range(9))


def _rows(ids: list[str], crawl: str) -> list[dict[str, Any]]:
    counts = dict.fromkeys(("modalities", "table_pairs", "files", "description_chars", "origin_offset"), 0)
    said = {"source": "shop", "content_hash": "0" * 32, "origin_file": "part.jsonl", "category": []}
    return [{"product_id": i, "crawl_id": crawl, **said, **counts} for i in ids]


@pytest.fixture
def left(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Left:
    """Of two crawls, after the first of which a run goes on."""
    tables = ("products", "compared")
    dataset = make_dataset(dict.fromkeys(tables, _rows(OLD, "c1")), 3)
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": "c2", "media_root": None})
    for table in tables:
        columns = pl.DataFrame(pl.from_arrow(schema.empty(table))).schema
        came = pl.DataFrame(_rows(NEW, "c2"), schema=columns)
        homes = came.select(partition_of(pl.col("product_id"), 3)).to_series()
        for i in range(3):
            dataset.write(table, f"c2/{part_name(i)}", came.filter(homes == i))
    found = Left(tmp_path / "left", dataset.partitions)
    found.begin(dataset, decisions_of(dataset, POLICY), "c1", POLICY.join.cap)
    return found


def test_products_are_numbered_by_id_over_all_partitions(left: Left) -> None:
    ids = sorted([*OLD, *NEW])
    assert left.base == "c1"
    assert left.first[-1] == len(ids)
    assert left.numbers.of(pl.Series(ids)).to_list() == list(range(len(ids)))
    asked = left.products(pl.Series([28, 3, 11]))
    assert asked.select("row", "product_id").rows() == [(row, ids[row]) for row in (3, 11, 28)]
    assert left.new.tolist() == [i in NEW for i in ids]


def test_rows_come_back_to_their_partitions_in_their_order(left: Left) -> None:
    rows = pl.DataFrame({"row": pl.Series([28, 0, 11, 3, 28], dtype=pl.UInt32), "nth": range(5)})
    parts = [left.named(part, row="product_id") for part in left.by_partition(rows)]
    assert len(parts) == left.partitions
    assert pl.concat(parts).sort("nth")["product_id"].to_list() == left.numbers.ids(rows["row"]).to_list()
    for i, part in enumerate(parts):
        homes = part.select(partition_of(pl.col("product_id"), left.partitions)).to_series()
        assert (homes == i).all()
        assert part["nth"].is_sorted()
