"""What the first round leaves for the last."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest

from m5tools.ingest import staged
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import READERS

MAPPING = Mapping.model_validate(
    {"source": "shop", "format": "json_lines", "fields": {"native_id": "id", "title": "title"}}
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three chunks of 100 rows each of 40 products, so that most rows are repeats."""
    for chunk in range(3):
        file = tmp_path / f"{chunk}.jsonl"
        rows = ({"id": f"P{row * 7 % 40}", "title": f"Red chair {chunk}-{row}"} for row in range(100))
        file.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        reader = READERS["json_lines"]
        for part in reader.chunks(str(file), file.name):
            batches = reader.batches(part, MAPPING)
            found = parse(batches, MAPPING, Chunked("shop", "shop-1", file.name))
            staged.write(tmp_path / "staged", f"{chunk:06d}", found.staged)
    return tmp_path / "staged"


def test_each_row_is_read_with_its_partition_and_repeats_in_the_order_of_the_input(folder: Path) -> None:
    borders = [0, 1, 20_000, 20_001, 50_000, staged.HOMES]
    parts = [staged.read_homes(folder, *pair) for pair in pairwise(borders)]
    for (first, beyond), part in zip(pairwise(borders), parts, strict=True):
        assert all(first <= home < beyond for home in part["home"].to_pylist())
    columns = ["product_id", "origin_file", "origin_offset", "place"]
    frame = pl.concat([pl.DataFrame(pl.from_arrow(part.select(columns))) for part in parts])
    assert frame.height == 300
    assert frame["place"].n_unique() == 300
    for _, rows in frame.group_by("product_id"):
        assert rows.height > 1
        assert rows.equals(rows.sort("origin_file", "origin_offset"))


def test_delivered_bytes_are_those_of_the_row(folder: Path) -> None:
    rows = staged.read_homes(folder, 10_000, staged.HOMES)
    titles = rows["title"].to_pylist()
    places = pl.Series(pl.from_arrow(rows["place"]))[::-1]
    found = [json.loads(line)["title"] for line in staged.delivered(folder, places)]
    assert found == titles[::-1]
