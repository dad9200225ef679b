"""What a mapping declares of its source's licence is kept of every crawl, and decides nothing about what is read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.ingest import mapping
from m5tools.ingest.stage import Ingest, IngestConfig

DECLARED = {"license": "CC-BY-4.0", "homepage": "https://shop.example/", "terms": "https://shop.example/terms"}


def written(folder: Path, **declared: str) -> str:
    body = {"source": "shop", "format": "json_lines", "fields": {"native_id": "id", "title": "title"}, **declared}
    (folder / "shop.yaml").write_text(yaml.safe_dump(body))
    return str(folder / "shop.yaml")


def test_it_is_kept_of_the_crawl_and_read_again_by_nobody(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "1", "title": "Kettle"}) + "\n")
    dataset = Dataset(tmp_path / "ds")
    config = IngestConfig(source="shop", mapping=written(tmp_path), files=(str(tmp_path / "rows.jsonl"),))
    run_stage(dataset, Ingest(config))
    assert not DECLARED.keys() & dataset.manifest()["crawls"][0].keys()
    before = dataset.manifest()["stages"]["ingest/shop-1"]["run"]
    written(tmp_path, **DECLARED)
    assert Ingest(config).run_name({}) == before
    run_stage(Dataset(tmp_path / "ds2"), Ingest(config))
    assert Dataset(tmp_path / "ds2").manifest()["crawls"][0].items() >= DECLARED.items()


@pytest.mark.parametrize(
    ("word", "value"), [("license", "CC BY 4.0"), ("homepage", "shop.example"), ("terms", "javascript:alert(1)")]
)
def test_what_has_not_the_form_is_refused_by_name(tmp_path: Path, word: str, value: str) -> None:
    with pytest.raises(UsageError, match=rf"shop.yaml.*{word}"):
        mapping.load(written(tmp_path, **{word: value}))


def test_shipped_mappings_declare_what_is_known() -> None:
    assert mapping.load("grocery_fresh").declared["license"] == "MIT"
    assert mapping.load("magento").declared == {}
