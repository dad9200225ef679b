"""What the first round leaves for the last."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from m5tools.ingest import staged, staged_files
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
    borders = [0, 1, 20_000, 20_001, 50_000, staged_files.HOMES]
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


@pytest.mark.parametrize("several", [2, 8, 64])
def test_files_are_read_alike_whether_they_are_cut_and_wherever(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, several: int
) -> None:
    wanted = _told(folder)
    monkeypatch.setattr(staged_files, "CUT_FROM", 1)
    monkeypatch.setattr(staged_files, "RUNS", several)
    for chunk in (0, 2):  # one is left as an earlier version wrote it
        _add(folder, tmp_path / f"{chunk}.jsonl", chunk)
    assert pa.ipc.open_file(folder / "000000.arrow").num_record_batches == 3 * several
    assert pa.ipc.open_file(folder / "000001.arrow").num_record_batches == 3
    assert _told(folder).equals(wanted)
    assert staged.count(folder) == wanted.height == 300
    ids = pl.Series(pl.from_arrow(staged.keys(folder)["product_id"]))
    assert ids.sort().equals(wanted["product_id"].sort())
    for reader in (staged_files.mapped, partial(staged_files.opened, columns=("product_id", "home"))):
        for run in range(several):
            first, beyond = staged_files.homes(run, several)
            found = [rows for _, rows in staged_files.rows_of(reader(folder / "000000.arrow"), first, beyond)]
            assert len(found) == 3
            assert all(first <= home < beyond for rows in found for home in rows["home"].to_pylist())
    monkeypatch.setattr(staged, "GATHERED_FROM", 64)
    for run in range(several):
        staged.gather(folder, run, several)
    parts = [staged.read_partition(folder, partition, 64) for partition in range(64)]
    assert _by_product(pl.concat([_titles(part, folder) for part in parts])).equals(_by_product(wanted))


def _told(folder: Path) -> pl.DataFrame:
    borders = [0, 1, 20_000, 20_001, 50_000, staged_files.HOMES]
    parts = [staged.read_homes(folder, *pair) for pair in pairwise(borders)]
    return pl.concat([_titles(part, folder) for part in parts])


def _by_product(told: pl.DataFrame) -> pl.DataFrame:
    """The rows of each product in the order they came in."""
    return told.sort("product_id", maintain_order=True)


def _titles(rows: pa.Table, folder: Path) -> pl.DataFrame:
    """The rows' titles, their ids, and the titles that were delivered."""
    told = pl.DataFrame(pl.from_arrow(rows.select(["title", "product_id", "place"])))
    assert told["place"].n_unique() == told.height
    given = [json.loads(line)["title"] for line in staged.delivered_of(rows, folder)(told["place"])]
    return told.drop("place").with_columns(given=pl.Series(given, dtype=pl.String))


@pytest.mark.parametrize("partitions", [65, 100, 127])
def test_partitions_that_lie_in_two_runs_are_whole(
    folder: Path, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    monkeypatch.setattr(staged, "GATHERED_FROM", 64)
    wanted = _told(folder)
    for run in range(staged.runs(partitions)):
        staged.gather(folder, run, staged.runs(partitions))
    parts = [staged.read_partition(folder, partition, partitions) for partition in range(partitions)]
    assert _by_product(pl.concat([_titles(part, folder) for part in parts])).equals(_by_product(wanted))


def test_only_the_batches_of_a_run_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staged_files, "CUT_FROM", 1)
    folder, found = _stage(tmp_path, 2), staged_files.rows_of
    read = []

    def watched(*arguments: Any) -> Any:
        for begin, rows in found(*arguments):
            read.append(begin >> staged_files._ROW_BITS)
            yield begin, rows

    monkeypatch.setattr(staged_files, "rows_of", watched)
    staged.gather(folder, 3, staged_files.RUNS)
    assert read == [3, 3 + staged_files.RUNS, 3 + 2 * staged_files.RUNS] * 4  # of both files, first the keys
    read.clear()
    staged.read_homes(folder, *staged_files.homes(5, 2 * staged_files.RUNS))
    assert read == [2, 2 + staged_files.RUNS, 2 + 2 * staged_files.RUNS] * 2


def test_delivered_bytes_are_those_of_the_row(folder: Path) -> None:
    rows = staged.read_homes(folder, 10_000, staged_files.HOMES)
    titles = rows["title"].to_pylist()
    places = pl.Series(pl.from_arrow(rows["place"]))[::-1]
    found = [json.loads(line)["title"] for line in staged_files.delivered(folder, places)]
    assert found == titles[::-1]


@pytest.mark.parametrize("partitions", [4, 8])
def test_repeats_are_given_as_delivered_wherever_their_rows_lie(
    folder: Path, monkeypatch: pytest.MonkeyPatch, partitions: int
) -> None:
    single = [{"id": f"only {i}", "title": f"Blue chair {i}"} for i in range(9)]
    (folder.parent / "more.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in single))
    _add(folder, folder.parent / "more.jsonl", 3)
    monkeypatch.setattr(staged, "GATHERED_FROM", 8)
    monkeypatch.setattr(staged_files, "RUNS", 2)
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
        (batch,) = found.staged
        third = batch.num_rows // 3
        several = [batch.slice(0, third), batch.slice(third, 0), batch.slice(third)]
        staged_files.write(folder, f"{number:06d}", several)


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
    parts = [
        part.select([n for n in part.column_names if n not in (*staged_files.CHILDREN, "delivered")]) for part in parts
    ]
    return pl.concat([pl.DataFrame(pl.from_arrow(part)) for part in parts])


@pytest.mark.parametrize("stretches", [1, 2, 16])
def test_rows_that_were_brought_together_are_those_of_the_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stretches: int
) -> None:
    wanted = _settled(folder, 8)
    monkeypatch.setattr(staged, "GATHERED_FROM", 8)
    monkeypatch.setattr(staged_files, "RUNS", 4)
    monkeypatch.setattr(staged, "STRETCHES", stretches)
    found = _settled(folder, 8)
    assert found.sort("place").equals(wanted.sort("place"))
    for _, rows in found.group_by("product_id"):
        assert rows["place"].is_sorted()  # of one home, in the order of the input


@pytest.mark.parametrize("cut_from", [1, staged_files.CUT_FROM])
def test_twice_the_crawl_takes_twice_the_slices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut_from: int) -> None:
    monkeypatch.setattr(staged_files, "CUT_FROM", cut_from)
    monkeypatch.setattr(staged, "GATHERED_FROM", 8)
    monkeypatch.setattr(staged_files, "RUNS", 4)
    monkeypatch.setattr(staged, "STRETCHES", 2)
    counts = {"_within": 0, "mapped": 0, "opened": 0}

    def counted(name: str, called: Callable[..., Any]) -> Callable[..., Any]:
        def calling(*arguments: Any) -> Any:
            counts[name] += 1
            return called(*arguments)

        return calling

    for name in counts:
        monkeypatch.setattr(staged_files, name, counted(name, getattr(staged_files, name)))
    seen = []
    for files in (4, 8, 16):
        place = tmp_path / str(files)
        place.mkdir()
        counts.update(dict.fromkeys(counts, 0))
        assert _settled(_stage(place, files), 2 * files).height == 64 * files
        seen.append(dict(counts))
    for small, large in pairwise(seen):
        assert all(large[what] <= 2 * small[what] for what in counts)
