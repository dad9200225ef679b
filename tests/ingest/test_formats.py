"""Whole deliveries in every format: the same products, whatever they were written in and wherever they lie."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest.extract import Extractor
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.sniff import sniff
from m5tools.ingest.stage import Ingest, IngestConfig
from tests.ingest.test_odd_files import GOOD, PRODUCTS


@pytest.mark.parametrize("kind", GOOD)
def test_the_same_products_from_every_format(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / "in" / "deep"
    folder.mkdir(parents=True)
    data = GOOD[kind]()
    (folder / "a.bin").write_bytes(data if kind == "parquet" else gzip.compress(data))
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(f"source: shop\nformat: {kind}\nfields: {{native_id: id, title: title}}\n")
    uri = (tmp_path / "in").as_uri()
    dataset = Dataset(tmp_path / "ds")
    config = IngestConfig(source="shop", mapping=str(mapping), files=(f"{uri}/**/*.bin",), root=uri)
    counts = run_stage(dataset, Ingest(config)).counts
    assert (counts["rows"], counts["new"], counts["rejects"]) == (60, 60, 0)
    found = dataset.products.collect()
    assert sorted(found["title"]) == sorted(product["title"] for product in PRODUCTS)
    assert set(found["origin_file"]) == {"deep/a.bin"}
    assert sniff(folder / "a.bin").format == kind


def test_a_crawl_that_downloaded_its_media_lists_the_files_it_has() -> None:
    media = {"image": [{"from": ["image_urls", "images"], "item": "url", "downloads": "images", "prefix": "store"}]}
    mapping = Mapping.model_validate({"source": "scrapy", "format": "json", "media": media})
    done = [{"url": "https://x/1.jpg", "path": "full/1.jpg", "checksum": "c", "status": "downloaded"}]
    records: list[dict[str, Any]] = [
        {"image_urls": ["https://x/1.jpg", "https://x/2.jpg"], "images": done},  # the second could not be had
        {"images": done},
        {"image_urls": ["https://x/3.jpg"], "images": []},
        {"image_urls": ["https://x/4.jpg"], "images": "no list"},
        {"image_urls": None},
    ]
    found = Extractor(mapping).take(records).media
    assert found.select("row", "location_raw").rows() == [
        (0, "store/full/1.jpg"),
        (0, "https://x/2.jpg"),
        (1, "store/full/1.jpg"),
        (2, "https://x/3.jpg"),
        (3, "https://x/4.jpg"),
    ]
    assert found["modality"].unique().to_list() == ["image"]
    assert found.schema["location_raw"] == pl.String
