"""Odd files that others collected, and good ones cut off: rows or rejects with a reason and a place, nothing else."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS, Row
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read, records

PRODUCTS = [{"id": str(i), "title": f"Product, {i}", "tags": "a;b"} for i in range(60)]


def rows_of(kind: str, path: Path) -> list[Row]:
    """The rows of a file, each of them a record that can be written as JSON, or a reason with a place."""
    rows = read(READERS[kind], path, Mapping(source="test", format=kind))  # type: ignore[arg-type]
    for row in rows:
        assert row.offset >= 0
        assert (row.record is None) == (row.reason is not None)
        assert row.record is not None or row.message
        msgspec.json.encode(row.record)
    return rows


@pytest.mark.real_data
@pytest.mark.parametrize("kind", ["json", "json_lines"])
def test_json_test_suite(real_data: Path, kind: str) -> None:
    files = sorted((real_data / "odd_json_jsontestsuite").glob("*.json"))
    assert len(files) == 318
    for file in files:
        rows, data = rows_of(kind, file), file.read_bytes()
        refused = [row for row in rows if row.reason]
        if file.name[0] == "y" and kind == "json":
            assert {row.reason for row in refused} <= {RejectReason.NOT_AN_OBJECT}, file.name
            assert rows or json.loads(data) == [], file.name
        if file.name[0] == "n":
            told = sum(len(row.raw) for row in rows)
            left = data.translate(None, b" \t\r\n[]{},\xef\xbb\xbf")
            assert refused or told >= len(left), file.name


@pytest.mark.real_data
def test_messy_tables(real_data: Path) -> None:
    files = sorted((real_data / "odd_tables_messytables").glob("*.[ct]sv"))
    counts = {file.name: len(records(rows_of("csv", file))) for file in files}
    assert len(files) == 16
    wanted = {
        "characters.csv": 382,  # Big5
        "long.csv": 3_999,
        "mixedGLB.csv": 133,  # three lines above the names
        "null.csv": 10,  # no line of names
        "sparse_with_column_errors.csv": 2_237,
        "spanish_chars.csv": 116,
        "utf-16le_encoded.csv": 327,
        "weird_head_padding.csv": 60,
    }
    assert counts.items() >= wanted.items()


@pytest.mark.real_data
def test_odd_parquet(real_data: Path) -> None:
    files = sorted((real_data / "odd_parquet").glob("*.parquet"))
    assert len(files) == 28
    refused = {file.name for file in files for row in rows_of("parquet", file) if row.reason}
    assert refused == {"incorrect_map_schema.parquet", "rle-dict-uncompressed-corrupt-checksum.parquet"}
    (sample,) = (real_data / "amazon_parquet_sample").glob("*.parquet")
    assert all(isinstance(row.record, dict) for row in rows_of("parquet", sample))


@pytest.mark.real_data
def test_product1m(real_data: Path) -> None:
    table = {"delimiter": "#####", "columns": ["id", "title", "url", "mirror", "labels"]}
    mapping = Mapping.model_validate({"source": "product1m", "format": "csv", "table": table})
    rows = read(READERS["csv"], real_data / "product1m_dev_zh" / "product1m_dev_ossurl_v2.txt", mapping)
    assert len(rows) == len(records(rows)) == 2_673


def _parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(PRODUCTS), sink, row_group_size=20)
    return sink.getvalue()


def _csv() -> bytes:
    sink = io.StringIO()
    writer = csv.DictWriter(sink, ["id", "title", "tags"])
    writer.writeheader()
    writer.writerows(PRODUCTS)
    return sink.getvalue().encode()


GOOD: dict[str, Callable[[], bytes]] = {
    "json_lines": lambda: "".join(json.dumps(p) + "\n" for p in PRODUCTS).encode(),
    "json": lambda: json.dumps(PRODUCTS, indent=1).encode(),
    "csv": _csv,
    "parquet": _parquet,
    "xml": lambda: (
        "<products>"
        + "".join("<p>" + "".join(f"<{k}>{v}</{k}>" for k, v in p.items()) + "</p>" for p in PRODUCTS)
        + "</products>"
    ).encode(),
}  # fmt: skip


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_file_cut_off_in_fifty_places_keeps_its_rows(tmp_path: Path, kind: str) -> None:
    data = GOOD[kind]()
    (tmp_path / "a").write_bytes(data)
    whole = rows_of(kind, tmp_path / "a")
    assert records(whole) == PRODUCTS
    for cut in range(0, len(data), len(data) // 50):
        (tmp_path / "a").write_bytes(data[:cut])
        rows = rows_of(kind, tmp_path / "a")
        found = records(rows)
        if kind == "csv" and found and found[-1] != PRODUCTS[len(found) - 1]:
            del found[-1]  # a last field that was cut short cannot be told from a short one
        assert found == PRODUCTS[: len(found)]
        if kind != "parquet":  # without its footer it holds nothing
            assert len(found) >= sum(row.offset + len(row.raw) < cut for row in whole) or kind == "csv"
        assert sum(row.reason is not None for row in rows) <= 1


@pytest.mark.parametrize("kind", GOOD)
def test_a_good_file_read_as_anything_else_ends(tmp_path: Path, kind: str) -> None:
    (tmp_path / "a").write_bytes(GOOD[kind]())
    for other in GOOD.keys() - {kind, "csv" if kind == "parquet" else ""}:
        if (kind, other) != ("json_lines", "json"):  # which is refused by name
            rows_of(other, tmp_path / "a")
