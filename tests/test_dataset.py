"""The dataset folder: parts, latest versions, and what is known of one product."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

import m5tools as m5
from m5tools.dataset import Dataset
from m5tools.errors import NotBuiltYet, UsageError
from m5tools.partitions import partition_of

P1, P2 = "0" * 32, "f" * 32


def product(product_id: str, crawl: str = "c1", title: str = "Mug", native: str | None = None) -> dict[str, object]:
    return {
        "product_id": product_id, "crawl_id": crawl, "source": "shop", "native_id": native or product_id[:4],
        "title": title, "content_hash": title, "origin_file": "a.jsonl", "origin_offset": 0,
    }  # fmt: skip


def test_tables_are_attributes(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset({"products": [product(P1), product(P2)]})
    opened = m5.open(dataset.root)
    assert opened.products.select("title").collect()["title"].to_list() == ["Mug", "Mug"]
    assert opened.tags.collect().is_empty()
    with pytest.raises(AttributeError, match="no table 'produts'"):
        opened.produts  # noqa: B018


def test_products_lie_in_the_partition_of_their_id(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset({"products": [product(P1), product(P2)]}, partitions=4)
    assert dataset.read("products", partition=0)["product_id"].to_list() == [P1]
    assert dataset.read("products", partition=3)["product_id"].to_list() == [P2]
    ids = pl.DataFrame({"i": ["0000", "3fff", "4000", "ffff"]}).select(partition_of(pl.col("i"), 4)).to_series()
    assert ids.to_list() == [0, 0, 1, 3]


def test_a_later_crawl_wins(make_dataset: Callable[..., Dataset]) -> None:
    dataset = make_dataset({"products": [product(P1), product(P2)]})
    dataset.write("products", "c2/part-00000", pl.DataFrame([product(P1, "c2", "Cup")]))
    with dataset.changing() as manifest:
        manifest["crawls"].append({"source": "shop", "crawl_id": "c2", "media_root": None})
    titles = dict(dataset.products.select("product_id", "title").collect().iter_rows())
    assert titles == {P1: "Cup", P2: "Mug"}


def test_show_finds_a_product_by_either_id(make_dataset: Callable[..., Dataset]) -> None:
    edge = {"product_a": P1, "product_b": P2, "relation": "variant", "evidence": "x", "score": 1.0, "detail": "d"}
    dataset = make_dataset({"products": [product(P1), product(P2, native="sku-2")], "edges": [edge]})
    shown = dataset.show("sku-2")
    assert shown["products"][0]["product_id"] == P2
    assert shown["edges"][0]["relation"] == "variant"
    with pytest.raises(UsageError, match="no product 'sku-9'"):
        dataset.show("sku-9")


def test_show_does_not_take_the_products_into_memory(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset({"products": [product(P1, native="7"), product(P2, native="8")]})
    monkeypatch.setattr(Dataset, "read", None)
    assert dataset.show("8")["products"][0]["product_id"] == P2


def test_a_damaged_or_newer_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text("{")
    with pytest.raises(UsageError, match=r"dataset\.json is damaged"):
        Dataset(tmp_path).manifest()
    (tmp_path / "dataset.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(UsageError, match="has format 99"):
        Dataset(tmp_path).manifest()


def test_what_is_no_dataset_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a dataset"):
        m5.open(tmp_path)
    with pytest.raises(NotBuiltYet, match=r"on s3://, not on gs://"):
        m5.open("gs://bucket/ds")


def test_a_name_that_is_not_utf8_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"caf\? is not named in UTF-8, .* go into the dataset and name it '\.'"):
        Dataset(tmp_path / os.fsdecode(b"caf\xe9"))


def test_changes_of_the_manifest_at_the_same_moment_are_all_kept(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")

    def enter(i: int) -> None:
        with dataset.changing() as manifest:
            time.sleep(0.002)
            manifest["partitions"] = 4
            manifest["crawls"].append({"source": "shop", "crawl_id": f"c{i}", "media_root": None})

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(enter, range(24)))
    assert {crawl["crawl_id"] for crawl in dataset.manifest()["crawls"]} == {f"c{i}" for i in range(24)}
