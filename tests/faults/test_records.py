"""Records made to hurt: each is a product or a reject, whatever the format they come in, and every table stays whole."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.parse import Chunked, parse
from m5tools.ingest.readers import READERS, json_lines
from tests.ingest.test_stage import account, ingest, item

from .poison_readers import mapping_of
from .poison_records import LINES, RECORDS, value_of

HALF_A_PAIR = ['{"id": NaN, "title": "\\ud800"}', '{"x": [Infinity, {"\\udc00": 1}]}']
"""In records that msgspec leaves to Python's parser."""


def whole(dataset: Dataset) -> None:
    """Every table of the ingest can be read under its law."""
    for table in ("products", "texts", "attributes", "media", "rejects", "fields"):
        for part in dataset.parts(table):
            assert pq.read_schema(part).equals(schema.law(table).schema)
            for column in pl.read_parquet(part).get_columns():
                column.to_list()


@settings(max_examples=12)
@given(lines=LINES)
@example(lines=HALF_A_PAIR)
def test_every_record_is_a_product_or_a_reject(tmp_path_factory: pytest.TempPathFactory, lines: list[str]) -> None:
    good = json.dumps(item(1))
    dataset, counts = ingest(tmp_path_factory.mktemp("poison"), {"a.jsonl": [good, *lines]})
    assert account(counts)
    assert counts["rows"] == 1 + sum(bool(line.strip()) for line in lines)
    assert "1" in dataset.read("products")["native_id"].to_list()
    whole(dataset)


@settings(max_examples=60)
@given(lines=LINES, kind=st.sampled_from(["json_lines", "json", "csv", "xml"]))
@example(lines=HALF_A_PAIR, kind="json_lines")
@example(lines=HALF_A_PAIR, kind="json")
def test_and_so_it_is_in_every_format(tmp_path_factory: pytest.TempPathFactory, lines: list[str], kind: str) -> None:
    path = tmp_path_factory.mktemp("poison") / "a"
    records = [value for line in lines if isinstance(value := value_of(line), dict)]
    text = {
        "json_lines": "\n".join(lines),
        "json": f"[{','.join(lines)}]",
        "csv": "id,title\n" + "\n".join(",".join(map(str, record.values())) for record in records),
        "xml": f"<a>{''.join(f'<p><title>{line}</title></p>' for line in lines)}</a>",
    }[kind]
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    mapping = mapping_of(kind)
    for chunk in READERS[kind].chunks(str(path), "a"):
        parsed = parse(READERS[kind].batches(chunk, mapping), mapping, Chunked("s", "c", "a"))
        assert parsed.rows == sum(batch.num_rows for batch in parsed.staged) + parsed.rejects.height


@settings(max_examples=30)
@given(columns=st.dictionaries(st.sampled_from(["id", "title", "price", "attributes"]), st.lists(st.one_of(
    st.binary(max_size=20), st.floats(), st.datetimes(), st.decimals(places=2, allow_nan=False, allow_infinity=False, min_value=-99, max_value=99),
    st.lists(st.floats(), max_size=3), st.text(alphabet=st.characters(codec="utf-8"), max_size=9), st.none()), min_size=3, max_size=3), min_size=1))  # fmt: skip
def test_columns_of_any_type_are_rows(
    tmp_path_factory: pytest.TempPathFactory, columns: dict[str, list[object]]
) -> None:
    arrays = {}
    for name, values in columns.items():
        same = [value if type(value) is type(values[0]) else None for value in values]
        arrays[name] = pa.array(same)
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays), sink)
    path = tmp_path_factory.mktemp("poison") / "a.parquet"
    path.write_bytes(sink.getvalue())
    mapping = mapping_of("parquet")
    (chunk,) = READERS["parquet"].chunks(str(path), "a")
    parsed = parse(READERS["parquet"].batches(chunk, mapping), mapping, Chunked("s", "c", "a"))
    assert parsed.rows == 3 == sum(batch.num_rows for batch in parsed.staged) + parsed.rejects.height


@pytest.mark.parametrize("size", [json_lines.LONGEST_ROW - 1_000, 50_000_000])
def test_a_string_of_fifty_megabytes_is_one_row(tmp_path: Path, size: int) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": 1, "title": "x" * size}) + "\n" + json.dumps(item(2)) + "\n")
    mapping: Mapping = mapping_of("json_lines")
    rows = kept = 0
    for chunk in READERS["json_lines"].chunks(str(path), "a"):
        parsed = parse(READERS["json_lines"].batches(chunk, mapping), mapping, Chunked("s", "c", "a"))
        rows += parsed.rows
        kept += sum(batch.num_rows for batch in parsed.staged)
        assert parsed.rejects["reason"].to_list() in ([], ["too_long"])
        assert all(len(raw) <= 65_536 for raw in parsed.rejects["raw"])
    assert (rows, kept) == (2, 2 if size < json_lines.LONGEST_ROW else 1)


@settings(max_examples=100)
@given(record=RECORDS)
def test_what_is_refused_is_refused_alone(tmp_path_factory: pytest.TempPathFactory, record: str) -> None:
    """A record between two good ones costs neither of them."""
    path = tmp_path_factory.getbasetemp() / "alone.jsonl"
    path.write_bytes("\n".join([json.dumps(item(1)), record, json.dumps(item(3))]).encode())
    mapping = mapping_of("json_lines")
    (chunk,) = READERS["json_lines"].chunks(str(path), "a")
    batches = list(READERS["json_lines"].batches(chunk, mapping))
    ids = [found.get("id") for batch in batches for found in batch.records]
    assert (ids[0], ids[-1]) == ("1", "3")
    assert sum(map(len, batches)) == 3
