"""What the first round leaves for the last."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

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
        _add(tmp_path / "staged", file, chunk)
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


@pytest.mark.parametrize("partitions", [4, 8])
def test_repeats_are_given_as_delivered_wherever_their_rows_lie(
    folder: Path, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    single = [{"id": f"only {i}", "title": f"Blue chair {i}"} for i in range(9)]
    (folder.parent / "more.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in single))
    _add(folder, folder.parent / "more.jsonl", 3)
    monkeypatch.setattr(staged, "GATHERED_FROM", 8)
    monkeypatch.setattr(staged, "RUNS", 2)
    monkeypatch.setattr(staged, "STRETCHES", 3)
    for run in range(staged.runs(partitions)):
        staged.gather(folder, run, staged.runs(partitions))
    seen = 0
    for partition in range(partitions):
        rows = staged.read_partition(folder, partition, partitions)
        told = pl.DataFrame(pl.from_arrow(rows.select(["product_id", "title", "place"])))
        repeated = told.filter(pl.col("product_id").is_duplicated()).reverse()
        found = [json.loads(line)["title"] for line in staged.delivered_of(rows, folder)(repeated["place"])]
        assert found == repeated["title"].to_list()
        seen += len(found)
        if partitions == 8:
            held = pl.Series(pl.from_arrow(rows["delivered"])).is_not_null()
            assert held.equals(told["product_id"].is_duplicated())
    assert seen == 300


def _add(folder: Path, file: Path, number: int) -> None:
    reader = READERS["json_lines"]
    for part in reader.chunks(str(file), file.name):
        found = parse(reader.batches(part, MAPPING), MAPPING, Chunked("shop", "shop-1", file.name))
        staged.write(folder, f"{number:06d}", found.staged)


def _stage(folder: Path, files: int) -> Path:
    for number in range(files):
        file = folder / f"{number}.jsonl"
        file.write_text("".join(f'{{"id": "P{number * 64 + row}", "title": "Chair"}}\n' for row in range(64)))
        _add(folder / "staged", file, number)
    return folder / "staged"


def _settled(folder: Path, partitions: int) -> pl.DataFrame:
    several = staged.runs(partitions)
    for run in range(several):
        staged.gather(folder, run, several)
    parts = [staged.read_partition(folder, partition, partitions) for partition in range(partitions)]
    parts = [part.select([n for n in part.column_names if n not in (*staged.CHILDREN, "delivered")]) for part in parts]
    return pl.concat([pl.DataFrame(pl.from_arrow(part)) for part in parts])


@pytest.mark.parametrize("stretches", [1, 2, 16])
def test_rows_that_were_brought_together_are_those_of_the_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stretches: int
) -> None:
    wanted = _settled(folder, 8)
    monkeypatch.setattr(staged, "GATHERED_FROM", 8)
    monkeypatch.setattr(staged, "RUNS", 4)
    monkeypatch.setattr(staged, "STRETCHES", stretches)
    found = _settled(folder, 8)
    assert found.sort("place").equals(wanted.sort("place"))
    for _, rows in found.group_by("product_id"):
        assert rows["place"].is_sorted()  # of one home, in the order of the input


def test_twice_the_crawl_takes_twice_the_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged, "GATHERED_FROM", 8)
    monkeypatch.setattr(staged, "RUNS", 4)
    monkeypatch.setattr(staged, "STRETCHES", 2)
    within, mapped = staged._within, staged._mapped
    counts = {"slices": 0, "opened": 0}

    def count_slices(*arguments: Any) -> Any:
        counts["slices"] += 1
        return within(*arguments)

    def count_opened(*arguments: Any) -> Any:
        counts["opened"] += 1
        return mapped(*arguments)

    monkeypatch.setattr(staged, "_within", count_slices)
    monkeypatch.setattr(staged, "_mapped", count_opened)
    seen = []
    for files in (4, 8, 16):
        place = tmp_path / str(files)
        place.mkdir()
        counts.update(slices=0, opened=0)
        assert _settled(_stage(place, files), 2 * files).height == 64 * files
        seen.append(dict(counts))
    for small, large in pairwise(seen):
        assert all(large[what] <= 2 * small[what] for what in counts)
