"""The law for tables: types are read, writers are cast, null-filled or refused."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.schema import SchemaError


def test_every_law_has_a_stage_a_key_and_meanings() -> None:
    assert len(schema.laws()) >= 28
    for law in schema.laws().values():
        assert law.stage
        assert set(law.key) <= set(law.names), law.table
        assert all(column.meaning for column in law.columns), law.table
        for name in law.key:
            if name != "asset_id":
                assert not law.schema.field(name).nullable, (law.table, name)


def test_missing_columns_become_null_and_order_is_the_laws() -> None:
    rows = pa.table({"bridge": [False], "split": ["train"], "product_id": ["a" * 32]})
    assert schema.conform("splits", rows).column_names == ["product_id", "split", "bridge"]
    image = schema.conform("signals_image", pa.table({"asset_id": ["x"], "state": [0], "reason": [0]}))
    assert image["width"].to_pylist() == [None]
    assert image["state"].type == pa.uint8()


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ({"product_id": ["a"], "split": ["train"], "colour": ["red"]}, "no column colour"),
        ({"product_id": [None], "split": ["train"]}, "'product_id' may not be null"),
        ({"product_id": ["a"]}, "'split' may not be null"),
    ],
)
def test_what_does_not_fit_is_refused(rows: dict[str, list[str | None]], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        schema.conform("splits", pa.table(rows))


def test_a_value_too_large_for_its_type_is_refused() -> None:
    with pytest.raises(SchemaError, match="'state' is uint8"):
        schema.conform("signals_image", pa.table({"asset_id": ["x"], "state": [300], "reason": [0]}))


def test_a_number_too_large_for_single_precision_is_refused() -> None:
    rows = {"asset_id": ["x", "y"], "state": [0, 0], "reason": [0, 0]}
    with pytest.raises(SchemaError, match="'duration_s' is float: a number is too large"):
        schema.conform("signals_audio", pa.table(rows | {"duration_s": [1.0, 1e300]}))
    kept = schema.conform("signals_audio", pa.table(rows | {"duration_s": [float("inf"), None]}))
    assert kept["duration_s"].to_pylist() == [float("inf"), None]


def test_pairs_become_maps() -> None:
    frame = pl.DataFrame({"raw": [[{"key": "a", "value": "1"}], None, []]})
    cast = schema._cast(frame.to_arrow()["raw"], pa.map_(pa.string(), pa.string()))
    assert cast.to_pylist() == [[("a", "1")], None, []]


@pytest.mark.parametrize(
    "text", ["string", "list<string>", "map<string, float64>", "list<struct<a: int32, b: list<uint8>>>"]
)
def test_types_are_parsed(text: str) -> None:
    assert isinstance(schema.parse_type(text), pa.DataType)


def test_an_unknown_type_is_named() -> None:
    with pytest.raises(SchemaError, match="unknown type 'colour'"):
        schema.parse_type("list<colour>")


def test_columns_of_distinct_values_have_no_dictionary(tmp_path: Path) -> None:
    rows = [{"product_id": f"{i:032x}", "crawl_id": "c1", "source": "shop", "title": f"Mug {i}", "content_hash": "0" * 32,
             "origin_file": "a", "origin_offset": i, "category": ["A", "B"], "raw": [("t", f"Mug {i}")]} for i in range(99)]  # fmt: skip
    law = schema.law("products")
    arrays = [pa.array([row.get(c.name) for row in rows], c.type) for c in law.columns]
    Dataset(tmp_path).write("products", "c1/part-00000", pa.Table.from_arrays(arrays, names=list(law.names)))
    columns = pq.ParquetFile(tmp_path / "tables/products/c1/part-00000.parquet").metadata.row_group(0)
    found = {
        columns.column(i).path_in_schema: columns.column(i).has_dictionary_page for i in range(columns.num_columns)
    }
    assert {path for path, has in found.items() if not has} >= {"product_id", "title", "raw.key_value.value"}
    assert {path for path, has in found.items() if has} >= {"source", "origin_file", "category.list.element"}
    assert {path.split(".")[0] for path in law.repeating} == {c.name for c in law.columns if not c.distinct}
