"""Records that one object lists: rows of their own, whatever is around and between them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
import yaml

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS, json_listed
from m5tools.ingest.readers.json_document import JsonDocument
from m5tools.ingest.readers.row import Row
from m5tools.ingest.sniff import sniff
from m5tools.vocabulary import RejectReason
from tests.ingest.reading import read

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


@pytest.mark.parametrize("path", ["data.products", "response.docs", "a.b.c.items", "data.search.edges"])
def test_a_list_inside_objects_is_found_by_its_path(tmp_path: Path, path: str) -> None:
    rows = [{"id": i, "title": f"Red chair {i}", "price": i + 0.5} for i in range(4)]
    body: object = [{"node": row} for row in rows] if path.endswith("edges") else rows
    for name in reversed(path.split(".")):
        body = {"count": 4, "filters": [{"key": "colour"}], "skipped": {name: 1}, name: body, "next": None}
    data = json.dumps(body).encode()
    assert len(listed(tmp_path, data, record=path)) == 4
    found = sniff(tmp_path / "a.json")
    assert (found.rows, found.bad) == (4, 0)
    mapping = yaml.safe_load(found.mapping)
    assert mapping["record"] == path
    assert mapping["fields"]["title"] == ("node.title" if path.endswith("edges") else "title")


def test_a_list_that_lies_too_deep_is_not_looked_for(tmp_path: Path) -> None:
    data = b'{"a": {"b": {"c": {"d": {"products": [{"title": "A"}]}}}}}'
    [row] = listed(tmp_path, data, record="a.b.c.d.products")
    assert row.record is None


@pytest.mark.parametrize(
    "body",
    [
        {"data": {"product": {"title": "Chair", "variants": [{"title": "red"}]}}},
        {"x1": {"label": "a", "offers": [{"name": "s"}]}, "x2": {"label": "b", "offers": [{"name": "s"}]}},
        {"title": "Chair", "offers": [{"name": "s", "price": 3}], "images": []},
    ],
)
def test_lists_of_parts_are_no_lists_of_products(tmp_path: Path, body: object) -> None:
    (tmp_path / "a.json").write_text(json.dumps(body))
    assert "record" not in yaml.safe_load(sniff(tmp_path / "a.json").mapping)


def test_of_several_lists_the_products_are_chosen(tmp_path: Path) -> None:
    chairs = [{"name": "Chair", "price": 3, "url": "https://a.example/1"}]
    body = {"title": "Shop", "facets": [{"name": "brand", "count": 3}], "items": chairs}
    (tmp_path / "a.json").write_text(json.dumps(body))
    assert yaml.safe_load(sniff(tmp_path / "a.json").mapping)["record"] == "items"


def test_each_line_may_list_records(tmp_path: Path) -> None:
    pages = [
        {"page": p, "data": {"products": [{"id": f"{p}-{i}", "title": f"Red chair {i}"} for i in range(5)]}}
        for p in range(4)
    ]
    file = tmp_path / "a.jsonl"
    lines = [*map(json.dumps, pages), '{"page": 4, "data": {"products": [7, {"id": "x", "title": "y"}]}}']
    file.write_text("".join(line + "\n" for line in [*lines, '{"page": 5}', "{broken"]))
    found = sniff(file)
    assert yaml.safe_load(found.mapping)["record"] == "data.products"
    assert (found.format, found.rows, found.bad) == ("json_lines", 24, 3)
    rows = read(READERS["json_lines"], file, Mapping.model_validate(yaml.safe_load(found.mapping)))
    assert [row.reason for row in rows if row.reason] == [
        RejectReason.NOT_AN_OBJECT, RejectReason.NOT_A_PRODUCT, RejectReason.NOT_PARSEABLE,
    ]  # fmt: skip
    assert sum(row.record is not None for row in rows) == 21
    assert json.loads(rows[6].raw) == pages[1]["data"]["products"][1]  # type: ignore[index]


def test_lines_with_lists_of_parts_are_products(tmp_path: Path) -> None:
    rows = [{"id": i, "label text": "x", "reviews": [{"title": "good", "id": i}]} for i in range(5)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert "record" not in yaml.safe_load(sniff(tmp_path / "a.jsonl").mapping)


@pytest.mark.parametrize("block", [7, 1 << 20])
def test_documents_behind_the_first_are_not_left_out_quietly(
    tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_listed, "BLOCK_BYTES", block)
    page = json.dumps({"data": {"products": [{"title": "A"}, {"title": "B"}], "n": [1]}, "next": {"page": 2}}, indent=1)
    rows = listed(tmp_path, f"{page}\n{page}\n".encode(), record="data.products")
    assert [row.record for row in rows if row.reason is None] == [{"title": "A"}, {"title": "B"}]
    assert ["there are others" in row.message for row in rows if row.reason] == [True]
    assert all(row.reason is None for row in listed(tmp_path, f"{page}\n,\n".encode(), record="data.products"))
