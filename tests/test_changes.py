"""`--set key=value`: the value is YAML, and whatever is wrong with it is one line."""

from __future__ import annotations

from typing import Any

import pytest

from m5tools.changes import split_change
from m5tools.errors import UsageError


@pytest.mark.parametrize(
    ("change", "key", "value"),
    [
        ("seed=3", "seed", 3),
        (" tag.policy = strict", "tag.policy", "strict"),
        ("files=*.jsonl", "files", "*.jsonl"),
        ("splits=[val, test]", "splits", ["val", "test"]),
        ("limit=", "limit", None),
    ],
)
def test_a_change_is_a_key_and_a_yaml_value(change: str, key: str, value: Any) -> None:
    assert split_change(change) == (key, value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ("seed", "write it as key=value"),
        ("=3", "write it as key=value"),
        ("crawl_id=2024-99-99", "not valid YAML: '2024-99-99' is no date; text stands in quotes, without a tag"),
        ("seed=!!int abc", "not valid YAML: 'abc' is no integer; text stands in quotes, without a tag"),
        ("splits=[val", "not valid YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'"),
        ("a=&a [*a]", "cannot be read: its aliases make it endless"),
    ],
)
def test_a_change_that_is_none_is_one_line(change: str, complaint: str) -> None:
    with pytest.raises(UsageError) as raised:
        split_change(change)
    assert str(raised.value).startswith(f"--set {change}: {complaint}")
    assert "\n" not in str(raised.value)
