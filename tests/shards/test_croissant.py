"""`croissant.json` is valid for MLCommons' own library, which reads by it what is in the index."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from m5tools.atomic import sha256_of
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.shards import croissant
from m5tools.shards.config import ShardConfig
from m5tools.shards.facts import Facts
from m5tools.shards.manifest import CROISSANT
from m5tools.shards.stage import Shard
from m5tools.vocabulary import MODALITIES, Reason, State

from .indexes import HOSTILE, index, lineage, manifest, source
from .shop import Shop

mlcroissant = pytest.importorskip("mlcroissant")


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Dataset:
    dataset = make_dataset(Shop(tmp_path / "media", 24).tables)
    run_stage(dataset, Shard(ShardConfig(samples_per_shard=8, image_long_side=32, max_frames=2)))
    return dataset


@pytest.fixture
def quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.ERROR):
        yield


def plain(value: Any) -> Any:
    """A value as mlcroissant gives it, in Python's own types: texts come as bytes, numbers as NumPy's."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {name.rpartition("/")[2]: plain(item) for name, item in value.items()}
    return value.item() if isinstance(value, np.generic) else value


def records(folder: Path, record_set: str, **filters: str) -> list[Any]:
    given = {f"{record_set}/{name}": value for name, value in filters.items()} or None
    dataset = mlcroissant.Dataset(str(folder / CROISSANT))
    return [plain(record) for record in dataset.records(record_set, filters=given)]


def test_records_of_the_index_are_ours(dataset: Dataset, quiet: None) -> None:
    folder = dataset.root / "shards" / "default"
    expected = {row["product_id"]: row for row in dataset.read("shard_index").to_dicts()}
    found = {row["product_id"]: row for row in records(folder, "samples")}
    assert found == expected
    test = records(folder, "samples", split="test")
    assert {row["product_id"] for row in test} == {i for i, row in expected.items() if row["split"] == "test"}
    assert {row["name"] for row in records(folder, "splits")} == {"train", "test"}
    assert {row["code"]: row["name"] for row in records(folder, "reasons")} == {r.value: r.word for r in Reason}
    counted = {}
    for row in expected.values():
        for m in MODALITIES:
            if row["state"][m.bit] != State.PRESENT:
                key = (row["split"], m.value, State(row["state"][m.bit]).word, Reason(row["reason"][m.bit]).word)
                counted[key] = counted.get(key, 0) + 1
    holes = records(folder, "missing")
    assert {(h["split"], h["modality"], h["state"], h["reason"]): h["samples"] for h in holes} == counted


def test_it_is_valid_and_names_every_file(dataset: Dataset, quiet: None) -> None:
    folder = dataset.root / "shards" / "default"
    metadata = mlcroissant.Dataset(str(folder / CROISSANT)).metadata
    assert not metadata.ctx.issues.errors
    # What only a publisher knows.
    assert {w.split('"')[1].rpartition("/")[2] for w in map(str, metadata.ctx.issues.warnings)} == {
        "citeAs",
        "datePublished",
    }
    assert metadata.conforms_to == ["http://mlcommons.org/croissant/1.1"]
    body = json.loads((folder / CROISSANT).read_text())
    files = [part for part in body["distribution"] if part["@type"] == "cr:FileObject"]
    there = {p.relative_to(folder).as_posix() for p in [*folder.glob("*.tar"), *folder.glob("index/*")]}
    assert {file["contentUrl"] for file in files} == there
    for file in files:
        path = folder / file["contentUrl"]
        assert (file["contentSize"], file["sha256"]) == (f"{path.stat().st_size} B", sha256_of(path))
    assert f"{body['version']}".startswith("1.0.0+")
    assert "truncated: image 3" in body["rai:dataCollectionMissingData"]
    made = [activity["prov:label"] for activity in body["prov:wasGeneratedBy"]]
    assert made[-1] == f"shard/default, version {Shard.version}"
    assert "cut/default, version 1" in made


def written(tmp_path: Path, lineage_of: Any) -> tuple[str, dict[str, Any]]:
    facts = Facts()
    facts.add("train", index([{"category": "Toys"}]))
    shards = manifest(1)
    sizes, sums = {"index/train-000000.parquet": 9}, {"train-000000.tar": "0" * 64}
    text = croissant.text(shards, facts, lineage_of, sums, sizes, croissant.set_by_hand(tmp_path))
    (tmp_path / CROISSANT).write_text(text)
    return text, json.loads(text)


def test_sources_carry_their_licences(tmp_path: Path) -> None:
    told = lineage(source("a", ("CC-BY-4.0",)), source("b", (None,), terms="https://b.example/terms", homepage=None))
    _, body = written(tmp_path, told)
    assert body["license"][0] == "https://spdx.org/licenses/CC-BY-4.0.html"
    assert body["license"][1]["name"] == "unknown"
    first, second = body["isBasedOn"]
    assert (first["name"], first["license"], first["url"]) == ("a", [body["license"][0]], "https://shop.example/")
    assert (second["license"][0]["name"], second["usageInfo"]) == ("unknown", "https://b.example/terms")
    assert body["inLanguage"] == ["de", "en"]
    assert body["prov:wasDerivedFrom"][0]["prov:label"] == "a, crawl shop-1"
    assert mlcroissant.Dataset(str(tmp_path / CROISSANT)).metadata.license[0].startswith("https://spdx.org")


def test_hostile_names_stay_strings(tmp_path: Path, quiet: None) -> None:
    text, body = written(tmp_path, lineage(source(HOSTILE, (HOSTILE,))))
    assert "<" not in text
    assert ">" not in text
    assert body["isBasedOn"][0]["name"] == HOSTILE
    assert mlcroissant.Dataset(str(tmp_path / CROISSANT)).metadata.license[0].name == HOSTILE


def test_what_a_publisher_set_is_kept(tmp_path: Path) -> None:
    first, body = written(tmp_path, lineage())
    assert croissant.set_by_hand(tmp_path) == {}
    mine = {
        "url": "https://data.example/", "citeAs": "@misc{x}", "datePublished": "2026-12-01", "version": "2.1.0",
        "creator": {"@type": "sc:Organization", "name": "Institute"},
    }  # fmt: skip
    (tmp_path / CROISSANT).write_text(json.dumps({**body, **mine, "isBasedOn": "nothing"}))
    again, renewed = written(tmp_path, lineage())
    assert {key: renewed[key] for key in mine} == mine
    assert renewed["isBasedOn"] == body["isBasedOn"]
    assert written(tmp_path, lineage())[0] == again != first
    assert not mlcroissant.Dataset(str(tmp_path / CROISSANT)).metadata.ctx.issues.warnings


@pytest.mark.parametrize("text", ['{"creator": "me",}', "[", "[" * 100_000, "[1]"])
def test_a_file_that_cannot_be_read_is_not_written_over(text: str, tmp_path: Path) -> None:
    written(tmp_path, lineage())
    (tmp_path / CROISSANT).write_text(text)
    with pytest.raises(UsageError, match="cannot be kept; mend it"):
        written(tmp_path, lineage())
    assert (tmp_path / CROISSANT).read_text() == text


def test_shards_without_samples_or_lineage(tmp_path: Path) -> None:
    facts = Facts()
    empty = manifest(0).model_copy(update={"splits": {}})
    body = json.loads(croissant.text(empty, facts, None, {}, {}, {}))
    assert body["distribution"] == []
    assert [r["@id"] for r in body["recordSet"]] == ["states", "reasons"]
    assert body["license"][0]["name"] == "unknown"
