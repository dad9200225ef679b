"""Records of very many keys: the same bytes as by columns, and work that grows with the values, not with keys × rows."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest import changes, delivered, fields, wide
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.parse import Chunked, Parsed, parse
from m5tools.ingest.readers import Batch
from m5tools.ingest.sniff import sniff
from m5tools.ingest.stage import Ingest, IngestConfig

MAPPING = Mapping.model_validate({
    "source": "shop", "format": "json_lines",
    "fields": {"native_id": "id", "title": ["label", "title"], "crawled_at": "seen", "brand": "seller.name"},
    "attributes": [{"from": "specs"}, {"from": "k7", "name": "seven"}],
})  # fmt: skip
ODD: list[Any] = [
    "text",
    "",
    "  ",
    "\u2003",
    "\x1f",
    None,
    3,
    2.5,
    True,
    [],
    {},
    [1, "a"],
    {"a": None},
    "é\u0301",
    "null",
]


def parsed(records: list[dict[str, Any]]) -> Parsed:
    raws = [json.dumps(record).encode() for record in records]
    return parse([Batch([*range(len(records))], raws, records)], MAPPING, Chunked("shop", "c1", "a.jsonl"))


def ever_different(rows: int, keys: int) -> list[dict[str, Any]]:
    return [{"id": str(row), "title": "Lamp", **{f"k{row}_{i}": i for i in range(keys)}} for row in range(rows)]


def test_entries_are_what_columns_are(monkeypatch: pytest.MonkeyPatch) -> None:
    records = [
        {
            "id": str(i),
            "title": f"Lamp {i}",
            "seen": "2026-01-01",
            "seller": {"name": "Acme"},
            "specs": {"Colour": "red"},
        }
        | {f"k{(i * step) % 23}": ODD[(i + step) % len(ODD)] for step in range(9)}
        for i in range(200)
    ]
    columns = parsed(records)
    monkeypatch.setattr(delivered, "KEYS_AS_COLUMNS", 5)
    entries = parsed(records)
    assert entries.staged[0].equals(columns.staged[0])
    assert entries.fields == columns.fields
    assert "k7" in entries.fields.filled
    assert entries.rejects.equals(columns.rejects)


@pytest.mark.parametrize(("rows", "keys"), [(1, 4_000), (1, 8_000), (100, 40), (200, 40)])
def test_work_grows_with_the_values(monkeypatch: pytest.MonkeyPatch, rows: int, keys: int) -> None:
    texts, columns = 0, 0

    def counted_text(value: Any, count: Any = wide.text_of) -> str | None:
        nonlocal texts
        texts += 1
        return count(value)  # type: ignore[no-any-return]

    def counted_column(values: list[Any], count: Any = delivered._texts_alone) -> pl.Series | None:
        nonlocal columns
        columns += 1
        return count(values)  # type: ignore[no-any-return]

    monkeypatch.setattr(wide, "text_of", counted_text)
    monkeypatch.setattr(delivered, "_texts_alone", counted_column)
    found = parsed(ever_different(rows, keys))
    assert texts == rows * (keys + 2)
    assert columns < 20  # those of the mapping
    assert len(found.staged[0].column("raw").values) == rows * (keys + 2)


def test_of_very_many_fields_the_most_filled_and_the_named_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fields, "FIELDS_KEPT", 50)
    found = parsed([*ever_different(200, 3), {"id": "x", "title": "Lamp", "seen": "2026-01-01"}]).fields.kept()
    assert len(found.filled) == 51
    assert (found.filled["id"], found.filled["title"], found.filled["seen"]) == (201, 201, 1)


def test_two_crawls_whose_keys_all_differ_are_told_apart_in_few_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    monkeypatch.setattr(changes, "_plain", lambda name: compared.append(name) or name)
    dataset = Dataset(tmp_path / "dataset")
    for number in (1, 2):
        rows = [{"id": str(i), "title": f"Lamp {i}", **{f"{number}-{i}-{k}": k for k in range(30)}} for i in range(90)]
        file = tmp_path / f"{number}.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        config = IngestConfig(source="shop", mapping="synth", files=(str(file),), crawl_id=f"shop-{number}")
        stage = Ingest(config)
        counts = run_stage(dataset, stage).counts
        assert counts["rows"] == 90
    assert len(compared) <= 2 * changes.FIELDS_COMPARED**2
    assert max(map(len, stage.remarks(dataset))) < 2_000
    assert re.search(r"appeared: .* and 2,\d\d\d more", "\n".join(stage.remarks(dataset)))


def test_sniff_looks_at_the_most_frequent_fields(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ever_different(100, 40)))
    found = sniff(file)
    assert len(found.fields) == 1_000
    assert [found.fields[name].becomes for name in ("id", "title")] == ["native_id", "title"]
