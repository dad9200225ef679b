"""What a mapping says about its source's products is kept where later stages find it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError
from m5tools.ingest import mapping as mappings
from m5tools.ingest.stage import Ingest, IngestConfig


@pytest.mark.parametrize("what", ["unique_products", "many_sellers"])
@pytest.mark.parametrize("declared", [True, False])
def test_what_a_mapping_declares_of_its_source_is_in_the_manifest(tmp_path: Path, what: str, declared: bool) -> None:
    body = {"source": "shop", "format": "json_lines", what: declared}
    body["fields"] = {"native_id": "id", "title": "title"}  # type: ignore[assignment]
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(body))
    (tmp_path / "rows.jsonl").write_text(json.dumps({"id": "1", "title": "Kettle"}) + "\n")
    dataset = Dataset(tmp_path / "ds")
    config = IngestConfig(source="shop", mapping=str(tmp_path / "shop.yaml"), files=(str(tmp_path / "rows.jsonl"),))
    run_stage(dataset, Ingest(config))
    assert dataset.manifest()["crawls"][0].get(what, False) is declared


@pytest.mark.parametrize(
    "beside", [{"unique_products": True}, {"fields": {"seller": "shop"}}, {"constants": {"seller": "Ann"}}]
)
def test_many_sellers_beside_what_contradicts_them_are_refused(tmp_path: Path, beside: dict[str, object]) -> None:
    body = {"source": "shop", "format": "json_lines", "many_sellers": True, **beside}
    (tmp_path / "shop.yaml").write_text(yaml.safe_dump(body))
    with pytest.raises(UsageError, match="leave one"):
        mappings.load(str(tmp_path / "shop.yaml"))


def test_what_was_read_before_sources_had_many_sellers_is_not_read_anew() -> None:
    assert "many_sellers" not in mappings.load("lazada").reading()
    assert mappings.load("m5product").reading()["many_sellers"]
