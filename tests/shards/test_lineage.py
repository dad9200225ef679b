from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.shards.lineage import LINEAGE, FetchFacts, Lineage, StageFacts, redeclared, taken
from m5tools.vocabulary import Reason, State

from .shop import Shop, product_id

Make = Callable[..., Dataset]
OWN = StageFacts.of("shard/default", {"stage": "shard", "version": 5, "config": {"name": "default"}})


def dataset_of(make_dataset: Make, tmp_path: Path, count: int = 12) -> Dataset:
    """A shop whose second half comes from another source; its texts have languages, one of its URLs was refused."""
    tables = Shop(tmp_path / "media", count).tables
    for i, row in enumerate(tables["products"]):
        row["crawled_at"] = datetime(2026, 1, 1 + i, tzinfo=UTC)
        row["source"] = "shop" if i < count // 2 else "depot"
    zeros = {c.name: 0 for c in schema.law("signals_text").columns if not c.nullable and c.name != "product_id"}
    heard = ("en", "de", None)
    tables["signals_text"] = [{"product_id": product_id(i), **zeros, "language": heard[i % 3]} for i in range(count)]
    visit = {"location_id": "u", "visit": 1, "crawl_id": "c1", "settings": "0", "passing": False}
    refused = {"state": int(State.FAILED), "reason": int(Reason.BLOCKED_BY_ROBOTS)}
    tables["visits"] = [{**visit, **refused}, {**visit, "location_id": "v", "state": 0, "reason": 0}]
    tables["fetched"].append({"location_id": "u", **refused})
    tables["cut_products"] = tables["cut_products"][1:]
    dataset = make_dataset(tables)
    with dataset.changing() as manifest:
        manifest["crawls"] = [
            {"source": "shop", "crawl_id": "c1", "media_root": None, "license": "MIT", "terms": "https://a.example/"},
            {"source": "depot", "crawl_id": "d1", "media_root": None, "license": "CC-BY-4.0", "homepage": "https://d.example/1"},
            {"source": "depot", "crawl_id": "d2", "media_root": None, "homepage": "https://d.example/2"},
        ]  # fmt: skip
        manifest["stages"]["ingest/c1"] |= {
            "config": {
                "source": "shop",
                "mapping": "/home/me/secret/mine.yaml",
                "files": ["/home/me/x.csv"],
                "limit": 9,
            },
            "settings": {"mapping": "/home/me/secret/mine.yaml", "files": ["/home/me/x.csv"], "limit": 9},
            "counts": {"rows": 14, "new": 12, "rejects": 2, "bytes": 5},
        }
        manifest["stages"]["cut/default"]["inputs"] = {"tag/default": "", "fetch": ""}
        manifest["stages"]["tag/default"]["inputs"] = {"ingest/c1": ""}
        manifest["stages"]["fetch"] |= {
            "config": {"contact": "me@x.example", "delay_s": 1.0},
            "inputs": {"ingest/c1": ""},
        }
        manifest["stages"]["fetch"]["settings"] = manifest["stages"]["fetch"]["config"]
    return dataset


def test_sources_with_samples_days_and_licences(make_dataset: Make, tmp_path: Path) -> None:
    found = taken(dataset_of(make_dataset, tmp_path), "default", ["cut/default"], OWN)
    depot, shop = found.sources
    assert (shop.source, shop.samples, shop.first, shop.last) == ("shop", 5, "2026-01-02", "2026-01-06")
    assert (depot.source, depot.samples, depot.first, depot.last) == ("depot", 6, "2026-01-07", "2026-01-12")
    assert (shop.licenses, shop.terms, shop.homepage) == (("MIT",), "https://a.example/", None)
    assert (depot.licenses, depot.homepage) == (("CC-BY-4.0", None), "https://d.example/2")
    assert found.licenses == ["CC-BY-4.0", None, "MIT"]
    assert shop.crawls[0].model_dump() == {
        "crawl_id": "c1", "mapping": "mine.yaml", "counts": {"rows": 14, "new": 12, "rejects": 2},
    }  # fmt: skip
    assert found.languages == {"": 4, "de": 4, "en": 3}
    assert found.spoken == ["de", "en"]
    assert found.fetch == FetchFacts(
        asked=2, blocked_by_robots=1, locations={"present": found.fetch.locations["present"], "failed/blocked_by_robots": 1}
    )  # fmt: skip


def test_nothing_of_the_machine_is_told(make_dataset: Make, tmp_path: Path) -> None:
    found = taken(dataset_of(make_dataset, tmp_path), "default", ["cut/default"], OWN)
    text = found.write(tmp_path).read_text()
    for private in ("/home", "secret", "x.csv", "me@x.example", str(tmp_path)):
        assert private not in text
    assert [stage.entry for stage in found.stages] == [
        "ingest/c1",
        "fetch",
        "tag/default",
        "cut/default",
        "shard/default",
    ]
    by_entry = {stage.entry: stage for stage in found.stages}
    assert by_entry["ingest/c1"].settings == {"limit": 9, "mapping": "mine.yaml"}
    assert by_entry["fetch"].settings == {"delay_s": 1.0}
    assert (by_entry["ingest/c1"].content, by_entry["cut/default"].content) == (None, "cut_products")
    assert Lineage.read(tmp_path) == found


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("https://me:pass@x.example/a/b.csv", "b.csv"),
        ("C:\\data\\mine", "mine"),
        ("../policies/mine.yaml", "mine.yaml"),
        ("sentence-transformers/all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2"),
        (["n/a", "/srv/x"], ["n/a", "x"]),
        ({"model": "~/models/clip/"}, {"model": "clip"}),
        (0.5, 0.5),
    ],
)
def test_places_keep_their_last_part(value: Any, told: Any) -> None:
    body = {"stage": "measure", "version": 1, "config": {"s": value}, "settings": {"s": value}}
    assert StageFacts.of("measure", body).settings == {"s": told}


def test_another_setting_is_another_fingerprint_and_another_folder_is_none() -> None:
    def config(**settings: object) -> str:
        return StageFacts.of("ingest/c", {"stage": "ingest", "version": 1, "config": settings}).config

    assert config(limit=1) != config(limit=2)
    assert config(limit=1, files=["/a"], mapping="/a/m.yaml") == config(limit=1, files=["/b"], mapping="/b/m.yaml")


def test_declared_anew(make_dataset: Make, tmp_path: Path) -> None:
    dataset = dataset_of(make_dataset, tmp_path)
    before = taken(dataset, "default", ["cut/default"], OWN)
    crawls = [{**crawl, "license": "ISC"} for crawl in dataset.manifest()["crawls"] if crawl["crawl_id"] != "c1"]
    depot, shop = redeclared(before, crawls).sources  # type: ignore[arg-type]
    assert depot.licenses == ("ISC",)
    assert shop == before.sources[1]


def test_damaged_and_missing(tmp_path: Path) -> None:
    assert Lineage.read(tmp_path) is None
    (tmp_path / LINEAGE).write_text(json.dumps({"m5tools": 1}))
    with pytest.raises(UsageError, match=r"put back the one .*, or delete it and run 'm5 papers'"):
        Lineage.read(tmp_path)
