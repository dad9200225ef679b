"""Records that one object lists: rows of their own, whatever is around and between them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import yaml

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.json_document import JsonDocument
from m5tools.ingest.readers.row import Row
from m5tools.ingest.sniff import sniff
from m5tools.vocabulary import RejectReason

LISTED = b'{"count": 3, "meta": {"products": [1]}, "products" : [\n{"title": "A", "n": 1}, {"title": "B"} , 7, {"title": 3 4}, {"title": "C"}], "next": null}'


def listed(tmp_path: Path, data: bytes, record: str = "products", name: str = "a.json") -> list[Row]:
    path = tmp_path / name
    path.write_bytes(data)
    mapping = Mapping.model_validate({"source": "x", "format": "json", "record": record})
    found: list[Row] = []
    for chunk in JsonDocument(chunk_bytes=10).chunks(str(path), name):
        for batch in JsonDocument().batches(chunk, mapping):
            found += [
                Row(o, raw, record) for o, raw, record in zip(batch.offsets, batch.raws, batch.records, strict=True)
            ]
            found += batch.refused
    return sorted(found)


@pytest.mark.parametrize("name", ["a.json", "a.json.gz"])
def test_records_listed_in_one_object_are_rows(tmp_path: Path, name: str) -> None:
    data = gzip.compress(LISTED) if name.endswith("gz") else LISTED
    rows = listed(tmp_path, data, name=name)
    assert [row.record for row in rows] == [{"title": "A", "n": 1}, {"title": "B"}, None, None, {"title": "C"}]
    assert LISTED[rows[1].offset :].startswith(b'{"title": "B"}')
    assert [row.reason for row in rows if row.record is None] == [
        RejectReason.NOT_AN_OBJECT,
        RejectReason.NOT_PARSEABLE,
    ]


def test_an_object_without_the_list_is_one_reject_that_says_so(tmp_path: Path) -> None:
    [row] = listed(tmp_path, LISTED, record="items")
    assert row.record is None
    assert "no list 'items'" in row.message


def test_a_list_that_is_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    rows = listed(tmp_path, b'{"products": [{"title": "A"}, {"title": "B')
    assert [row.record for row in rows if row.record] == [{"title": "A"}]
    assert [row.reason for row in rows if row.record is None] == [RejectReason.NOT_PARSEABLE]


def test_sniff_finds_the_list(tmp_path: Path) -> None:
    file = tmp_path / "products.json"
    body = [{"id": i, "title": f"Red chair {i}", "images": [{"src": f"https://a.example/{i}.jpg"}]} for i in range(3)]
    file.write_text(json.dumps({"page": 1, "products": body}))
    found = sniff(file)
    assert (found.rows, found.bad) == (3, 0)
    assert yaml.safe_load(found.mapping)["record"] == "products"
    file.write_text(json.dumps({"title": "One chair", "variants": [{"title": "red"}]}))
    assert "record" not in yaml.safe_load(sniff(file).mapping)
