"""All papers of shards that lack what shards usually have, or whose sources contradict each other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import yaml

from m5tools.shards import papers
from m5tools.shards.facts import Facts
from m5tools.shards.lineage import Lineage
from m5tools.shards.manifest import CARD, CROISSANT, DATASHEET

from .indexes import index, lineage, manifest, source


def texts(folder: Path, rows: list[dict[str, Any]], told: Lineage, split: str = "train") -> dict[str, str]:
    """Card, Croissant and datasheet of one shard with these rows, as they stand in the folder."""
    table = index([{"split": split, **row} for row in rows])
    (folder / "index").mkdir()
    pq.write_table(table, folder / "index" / f"{split}-000000.parquet")
    facts = Facts()
    facts.add(split, table)
    papers.write(folder, manifest(len(rows), split), facts, told, {f"{split}-000000.tar": "0" * 64})
    return {name: (folder / name).read_text(encoding="utf-8") for name in (CARD, CROISSANT, DATASHEET)}


def head(card: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(card.split("---\n")[1])
    return found


def valid(folder: Path) -> None:
    """MLCommons' own reader has no complaint but of what only a publisher knows."""
    mlcroissant = pytest.importorskip("mlcroissant")
    issues = mlcroissant.Dataset(str(folder / CROISSANT)).metadata.ctx.issues
    assert not issues.errors
    assert {str(w).split('"')[1].rpartition("/")[2] for w in issues.warnings} == {"citeAs", "datePublished"}


def test_shards_without_text(tmp_path: Path) -> None:
    bare = {"category": "Toys", "present": 0b00001, "state": [0, 1, 1, 1, 1], "reason": [0, 1, 1, 1, 1]}
    found = texts(tmp_path, [bare] * 3, lineage(languages={}))
    card = head(found[CARD])
    assert card["task_categories"] == ["feature-extraction", "image-classification"]
    assert card["tags"] == ["e-commerce", "webdataset", "image"]
    assert "language" not in card
    for name in (CARD, DATASHEET):
        assert "| absent | `not_listed` | 0 | 3 | 3 | 3 | 3 |" in found[name]
        assert "| train | 3 | 1 | 3 | 0 | 0 | 0 | 0 |" in found[name]
    body = json.loads(found[CROISSANT])
    assert "inLanguage" not in body
    assert "image 3, text 0" in body["description"]
    assert "absent, not_listed: text 3" in body["rai:dataCollectionMissingData"]
    valid(tmp_path)


def test_shards_of_one_split_that_is_not_train(tmp_path: Path) -> None:
    found = texts(tmp_path, [{"category": "Toys"}] * 2, lineage(), split="val")
    card = head(found[CARD])
    assert card["configs"][0]["data_files"] == [{"split": "val", "path": "val-*.tar"}]
    assert [split["name"] for split in card["dataset_info"]["splits"]] == ["val"]
    assert "train" not in found[CARD].split("## Reading")[1]
    assert 'split="val"' in found[CARD]
    assert "\nval. Products found to be the same" in found[DATASHEET]
    body = json.loads(found[CROISSANT])
    assert [part["@id"] for part in body["distribution"] if part["@type"] == "cr:FileSet"] == [
        "val-tars",
        "index-files",
    ]
    (splits,) = (records for records in body["recordSet"] if records["@id"] == "splits")
    assert "train" not in json.dumps(splits["data"])
    valid(tmp_path)


def test_shards_without_categories(tmp_path: Path) -> None:
    found = texts(tmp_path, [{"category": None, "band": None}] * 2, lineage())
    assert head(found[CARD])["task_categories"] == ["feature-extraction", "text-retrieval"], "nothing to classify by"
    for name in (CARD, DATASHEET):
        assert "No sample has a category." in found[name]
        assert not re.search(r"\bnan\b", found[name])
    assert "0 samples lie in 0 categories (Gini coefficient 0.000" in json.loads(found[CROISSANT])["description"]
    valid(tmp_path)


def test_sources_whose_licences_contradict_each_other(tmp_path: Path) -> None:
    contradicting = (
        source("a", ("GPL-3.0-only", "CC-BY-NC-4.0")),
        source("b", ("CC0-1.0", None)),
        source("c", ("LicenseRef-shop-terms", "OSL-3.0 OR AFL-3.0")),
    )
    found = texts(tmp_path, [{"category": "Toys"}], lineage(*contradicting))
    assert head(found[CARD])["license"] == "unknown", "one part that is unknown makes the whole unknown"
    words = (
        "[GPL-3.0-only](https://spdx.org/licenses/GPL-3.0-only.html), "
        "[CC-BY-NC-4.0](https://spdx.org/licenses/CC-BY-NC-4.0.html)",
        "[CC0-1.0](https://spdx.org/licenses/CC0-1.0.html), **unknown**",
        "LicenseRef-shop-terms, OSL-3.0 OR AFL-3.0",
    )
    for name, told in zip("abc", words, strict=True):
        assert f"| {name} | 10 | shop-1 | 2026-01-02 to 2026-01-05 | {told} |" in found[CARD]
        assert f"- {name}: {told}\n" in found[DATASHEET]
    assert "That is no permission" in found[CARD]
    body = json.loads(found[CROISSANT])
    names = [[one if isinstance(one, str) else one["name"] for one in work["license"]] for work in body["isBasedOn"]]
    spdx = "https://spdx.org/licenses/"
    assert names == [
        [f"{spdx}GPL-3.0-only.html", f"{spdx}CC-BY-NC-4.0.html"],
        [f"{spdx}CC0-1.0.html", "unknown"],
        ["LicenseRef-shop-terms", "OSL-3.0 OR AFL-3.0"],
    ]
    assert len(body["license"]) == 6, "all of them stand for the whole"
    valid(tmp_path)


def test_known_licences_that_contradict_each_other_are_all_in_the_head(tmp_path: Path) -> None:
    told = lineage(source("a", ("GPL-3.0-only",)), source("b", ("CC-BY-NC-4.0", "LicenseRef-shop-terms")))
    assert head(texts(tmp_path, [{}], told)[CARD])["license"] == ["cc-by-nc-4.0", "gpl-3.0", "other"]
