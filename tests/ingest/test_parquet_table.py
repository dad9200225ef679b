"""Parquet: nested values in a form JSON holds; a row group that cannot be read costs itself."""

from __future__ import annotations

import datetime as dt
import json
import math
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m5tools.ingest.delivered import text_of
from m5tools.ingest.readers.arrow_values import distinct_names, values_of
from m5tools.ingest.readers.parquet_table import ParquetTable
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import MAPPING, read, records

CASES = {
    "number": (pa.array([1, None]), 1),
    "decimal": (pa.array([Decimal("1.50"), None], pa.decimal128(6, 2)), "1.50"),
    "moment": (pa.array([dt.datetime(2020, 1, 2, 3, 4, 5), None], pa.timestamp("us")), "2020-01-02T03:04:05"),  # noqa: DTZ001
    "moment_utc": (pa.array([1_500_000_000_123, None], pa.timestamp("ms", "UTC")), "2017-07-14T02:40:00.123Z"),
    "nanoseconds": (pa.array([1, None], pa.timestamp("ns")), "1970-01-01T00:00:00.000000001"),
    "moment_beyond_calendars": (pa.array([1 << 62, None], pa.timestamp("us")), str(1 << 62)),
    "date_beyond_calendars": (pa.array([1 << 30, None], pa.date32()), str(1 << 30)),
    "date": (pa.array([dt.date(2020, 1, 2), None]), "2020-01-02"),
    "text_as_bytes": (pa.array(["é".encode(), None]), "é"),
    "bytes": (pa.array([b"\xff\x00", None]), "/wA="),
    "half": (pa.array([1.5, None], pa.float16()), 1.5),
    "not_a_number": (pa.array([float("nan"), None]), None),
    "endless": (pa.array([float("-inf"), None]), "-inf"),
    "dictionary": (pa.array(["a", None]).dictionary_encode(), "a"),
    "lists": (pa.array([[["a", None], None, []], None]), [["a", None], None, []]),
    "struct": (pa.array([{"x": 1, "y": {"z": [b"b"]}}, None]), {"x": 1, "y": {"z": ["b"]}}),
    "map": (pa.array([[("a", 1), ("b", None)], None], pa.map_(pa.string(), pa.int8())), {"a": 1, "b": None}),
    "map_twice": (
        pa.array([[("a", 1), ("a", 2)], None], pa.map_(pa.string(), pa.int8())),
        [{"key": "a", "value": 1}, {"key": "a", "value": 2}],
    ),
    "fixed": (pa.array([[1, 2], None], pa.list_(pa.int8(), 2)), [1, 2]),
}  # fmt: skip


def test_every_type_has_a_form_in_json(tmp_path: Path) -> None:
    pq.write_table(pa.table({name: column for name, (column, _) in CASES.items()}), tmp_path / "a.parquet")
    first, second = records(read(ParquetTable(), tmp_path / "a.parquet"))
    assert first == {name: wanted for name, (_, wanted) in CASES.items()}
    assert second == dict.fromkeys(CASES)
    assert json.loads(text_of(first) or "") == first
    for name, (column, _) in CASES.items():
        assert values_of(column[1:]) == [None], name


def products(folder: Path, name: str = "a.parquet") -> Path:
    table = pa.table({"id": [str(i) for i in range(100)], "tags": [[f"t{i}", "x"] for i in range(100)]})
    pq.write_table(table, folder / name, row_group_size=30, write_page_checksum=True, compression="none")
    return folder / name


def test_row_groups_are_chunks_and_rows_are_numbered_through(tmp_path: Path) -> None:
    path = products(tmp_path)
    assert len(ParquetTable().chunks(str(path), "a")) == 4
    rows = read(ParquetTable(), path)
    assert [(row.offset, row.record) for row in rows] == [
        (i, {"id": str(i), "tags": [f"t{i}", "x"]}) for i in range(100)
    ]
    assert json.loads(rows[7].raw) == rows[7].record


def test_a_damaged_row_group_costs_itself(tmp_path: Path) -> None:
    path = products(tmp_path)
    data = bytearray(path.read_bytes())
    place = pq.read_metadata(path).row_group(1).column(0).data_page_offset + 40
    data[place] ^= 0xFF
    path.write_bytes(data)
    rows = read(ParquetTable(), path)
    assert [row.offset for row in rows] == [*range(31), *range(60, 100)]
    assert rows[30].reason is RejectReason.NOT_PARSEABLE
    assert rows[30].message.startswith("rows 30 to 59, from 30 on: ")


def lying(folder: Path, counted: int) -> Path:
    """Row groups of 30, 30 and 10 rows, of which the footer counts the first as so many (below 64)."""
    table = pa.table({"id": [str(i) for i in range(70)], "tags": [[f"t{i}", "x"] for i in range(70)]})
    path = folder / "a.parquet"
    pq.write_table(table, path, row_group_size=30, compression="none", write_statistics=False, store_schema=False)
    data = bytearray(path.read_bytes())
    # Field 3 of the first row group, an i64 behind field 2; the same bytes before it are values of the column `id`.
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    values = data.index(b"\x16\x3c", footer)
    rows = data.index(b"\x16\x3c", values + 2)
    data[rows + 1] = 2 * counted
    path.write_bytes(data)
    assert [pq.read_metadata(path).row_group(i).num_rows for i in range(3)] == [counted, 30, 10]
    return path


def test_rows_that_the_footer_promises_and_no_page_holds_are_a_reject(tmp_path: Path) -> None:
    rows = read(ParquetTable(), lying(tmp_path, 40))
    assert [row.offset for row in rows] == [*range(31), *range(40, 80)]
    assert [row.message for row in rows if row.reason] == ["rows 0 to 39, from 30 on: the row group ends early"]
    assert rows[31].record == {"id": "30", "tags": ["t30", "x"]}


@pytest.mark.parametrize("counted", [25, 0])
def test_rows_that_the_footer_does_not_count_are_a_reject(tmp_path: Path, counted: int) -> None:
    path = lying(tmp_path, counted)
    first, second = (
        list(ParquetTable().batches(chunk, MAPPING)) for chunk in ParquetTable().chunks(str(path), "a")[:2]
    )
    assert sum(len(batch.records) for batch in first) == counted
    (refused,) = first[-1].refused
    assert refused.message.startswith(f"rows 0 to 29, from {counted} on: its columns claim these rows")
    assert [(batch.offsets[0], len(batch)) for batch in second] == [(counted, 30)]


NESTED = {
    "lists": [[i, i] if i % 5 else [] for i in range(100)],
    "lists of lists": [[[i], [], None, [i, i]] if i % 5 else None for i in range(100)],
    "lists in objects": [{"x": [i, i], "y": [i]} if i % 5 else None for i in range(100)],
    "objects in lists": [[{"x": [i, i], "y": i}, None] for i in range(100)],
}
NESTED_COLUMNS = {
    **{name: pa.array(values) for name, values in NESTED.items()},
    "maps": pa.array([[("a", i), ("b", None)] if i % 5 else None for i in range(100)], pa.map_(pa.string(), pa.int8())),
    "fixed": pa.array([[i, i] if i % 5 else None for i in range(100)], pa.list_(pa.int8(), 2)),
    "large": pa.array([[i, i] if i % 5 else None for i in range(100)], pa.large_list(pa.int8())),
}


@pytest.mark.parametrize("name", NESTED_COLUMNS)
def test_nested_columns_alone_tell_of_rows_that_the_footer_does_not_count(tmp_path: Path, name: str) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"l": NESTED_COLUMNS[name]}), path, compression="none", write_statistics=False)
    whole = read(ParquetTable(), path)
    assert [row.reason for row in whole] == [None] * 100
    data = bytearray(path.read_bytes())
    footer = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    counts = [at for at in range(footer, len(data)) if data[at : at + 3] == b"\x16\xc8\x01"]
    for at in counts:
        data[at + 1 : at + 3] = b"\xe4\x00"
        path.write_bytes(data)
        if pq.read_metadata(path).row_group(0).num_rows == 50:
            break
        data[at + 1 : at + 3] = b"\xc8\x01"
    assert pq.read_metadata(path).row_group(0).num_rows == 50
    *good, bad = read(ParquetTable(), path)
    assert [row.record for row in good] == [row.record for row in whole[:50]]
    assert bad.offset == 50
    assert bad.message.startswith("rows from 50 on: its columns hold more values")


def test_a_file_without_footer_is_one_reject(tmp_path: Path) -> None:
    data = products(tmp_path).read_bytes()
    (tmp_path / "b.parquet").write_bytes(data[:-20])
    (row,) = read(ParquetTable(), tmp_path / "b.parquet")
    assert (row.offset, row.reason) == (0, RejectReason.NOT_PARSEABLE)
    assert row.message.startswith("the file: ")


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    inner = pa.StructArray.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["v", "v"])
    columns = [pa.array([1]), pa.array(["a"]), pa.array(["b"]), inner]
    pq.write_table(pa.Table.from_arrays(columns, names=["id", "title", "title", "pair"]), tmp_path / "a.parquet")
    [row] = read(ParquetTable(), tmp_path / "a.parquet")
    assert row.record == {"id": 1, "title": "a", "title_3": "b", "pair": {"v": "x", "v_2": "y"}}
    assert json.loads(row.raw) == row.record


def test_names_made_up_hide_no_others() -> None:
    assert distinct_names(["a", "a", "a_2", "", "a"]) == ["a", "a_2_2", "a_2", "column_4", "a_5"]


def test_short_floats_are_read_by_their_digits() -> None:
    values = [19.99, 0.1, None, math.nan, 16_777_217.0, 1e-30, math.inf]
    assert values_of(pa.array(values, pa.float32())) == [19.99, 0.1, None, None, 16_777_216.0, 1e-30, "inf"]
    assert values_of(pa.array([0.1, None, 2.5], pa.float16())) == [0.1, None, 2.5]


@pytest.mark.parametrize("sizes", [(1, 1), (1, 9_000), (9_000, 1), (3, 3, 3), (5, 0)])
@pytest.mark.parametrize("index", [False, True])
def test_files_one_behind_another_are_one_reject(tmp_path: Path, sizes: tuple[int, ...], index: bool) -> None:
    parts = []
    for number, size in enumerate(sizes):
        ids = [f"{number}-{i}" for i in range(size)]
        pq.write_table(pa.table({"id": ids}), tmp_path / "one.parquet", write_page_index=index, row_group_size=500)
        assert len(records(read(ParquetTable(), tmp_path / "one.parquet"))) == size
        parts.append((tmp_path / "one.parquet").read_bytes())
    (tmp_path / "a.parquet").write_bytes(b"".join(parts))
    (row,) = read(ParquetTable(), tmp_path / "a.parquet")
    assert row.reason is RejectReason.NOT_PARSEABLE
    assert "several Parquet files" in row.message
