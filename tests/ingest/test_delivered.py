"""Values as they were delivered."""

from __future__ import annotations

from typing import Any

import pytest

from m5tools.ingest.delivered import Records, along, text_of, texts_of

NESTED: list[Any] = [["a\nb", "ü\u2028"], None, {"z": 1, "a": {"line": "one\r\ntwo"}}, [], {}, [None, 1.5, "\\n"]]


@pytest.mark.parametrize("values", [NESTED, NESTED[2:], [*NESTED, "text", " ", 7]])
def test_a_column_is_written_as_each_of_its_values(values: list[Any]) -> None:
    assert texts_of(values).to_list() == [text_of(value) for value in values]


@pytest.mark.parametrize(
    "records", [[{"a": 1, "b": {"c": 2}}, {"b": {"c": 3}, "a": 4}], [{"b": {"c": 5}}, {"a": [6]}, {}]]
)
def test_columns_of_records_are_what_each_record_holds(records: list[dict[str, Any]]) -> None:
    batch = Records(records)
    assert list(batch.columns) == ["a", "b"]
    assert {key: along(key, batch) for key in "ab"} == {key: [r.get(key) for r in records] for key in "ab"}
    assert along("b.c", batch) == [r.get("b", {}).get("c") for r in records]
    assert along("missing", batch) == [None] * len(records)
