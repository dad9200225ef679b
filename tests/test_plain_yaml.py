"""Any text is plain values within bounds, or a mistake with its place."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from m5tools import documents, plain_yaml
from m5tools.changes import split_change
from m5tools.errors import M5Error
from tests.faults.poison_yaml import DOCUMENTS, WORDS


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing\n", None),
        ("~", None),
        ("{a: 1, b: [0x1f, 1_000, -0b11, 1:30, 010]}", {"a": 1, "b": [31, 1000, -3, 90, 8]}),
        ("[1.5, -5.e+2, .inf, 1:30.5, !!float 1]", [1.5, -500.0, float("inf"), 90.5, 1.0]),
        ('[yes, off, !!bool "true"]', [True, False, True]),
        ("[2024-02-29, 2024-02-29T10:00:00Z]", [date(2024, 2, 29), datetime(2024, 2, 29, 10, tzinfo=UTC)]),
        (
            "[!!str 2024-99-99, '2024-99-99', \"\\U0001F600\", 2024-2-9 10:00]",
            ["2024-99-99", "2024-99-99", "😀", "2024-2-9 10:00"],
        ),
        (f"[{2**64 - 1}, {-(2**63)}]", [2**64 - 1, -(2**63)]),
        ("{1: a, 2024-01-01: b, null: c}", {1: "a", date(2024, 1, 1): "b", None: "c"}),
        ("{=: 1}", {"=": 1}),
    ],
)
def test_plain_values(text: str, value: Any) -> None:
    assert plain_yaml.parse(text) == value


@pytest.mark.parametrize(
    ("text", "line", "column", "complaint"),
    [
        ("a: 2024-99-99", 1, 4, "not valid YAML: '2024-99-99' is no date"),
        ("a:\n- b\n- 2024-01-01T25:00:00Z", 3, 3, "not valid YAML: '2024-01-01T25:00:00Z' is no date"),
        ("2024-01-01T00:00:00+99:00", 1, 1, "not valid YAML: '2024-01-01T00:00:00+99:00' is no date"),
        ("- !!int abc", 1, 3, "not valid YAML: 'abc' is no integer"),
        ("- !!int ''", 1, 3, "not valid YAML: '' is no integer"),
        ("- !!float x", 1, 3, "not valid YAML: 'x' is no number"),
        ("- !!bool x", 1, 3, "not valid YAML: 'x' is no boolean"),
        ("- !!timestamp foo", 1, 3, "not valid YAML: 'foo' is no date"),
        ("- !!bool [x]", 1, 3, "not valid YAML: a single value is expected"),
        ("- !!timestamp {=: 2024-01-01}", 1, 3, "not valid YAML: a single value is expected"),
        ("- !!map [a, b]", 1, 3, "not valid YAML: expected a mapping node"),
        (f"a: {'1' * 5_000}", 1, 4, f"not valid YAML: '{'1' * 40}…' is longer than 100 characters"),
        (f"a: {'1:' * 5_000}1", 1, 4, "not valid YAML: '1:1:"),
        (f"a: {2**64}", 1, 4, "not valid YAML: '18446744073709551616' is larger than 64 bits"),
        (f"a: 0x{'f' * 90}", 1, 4, f"not valid YAML: '0x{'f' * 38}…' is larger than 64 bits"),
        ('a: "\\ud800"', 1, 4, "not valid YAML: \\ud800 is half a character"),
        ('{"\\udfff": a}', 1, 2, "not valid YAML: \\udfff is half a character"),
        ('a: "\\0"', 1, 4, "not valid YAML: \\0 is in no text"),
        ('a: "\\U00110000"', 1, 7, "not valid YAML: chr() arg not in range(0x110000)"),
        ("a:\n\u200b\udc80", 2, 2, "not valid YAML: the character U+DC80 may not stand in it"),
        (f"%YAML {'9' * 5_000}.1\n--- a", 1, 7, "not valid YAML: Exceeds the limit"),
        ("- !!set {a, b}", 1, 3, "not valid YAML: plain values have no tag 'tag:yaml.org,2002:set'"),
        ("- !!omap [a: 1]", 1, 3, "not valid YAML: plain values have no tag 'tag:yaml.org,2002:omap'"),
        ("- !!binary aGk=", 1, 3, "not valid YAML: plain values have no tag 'tag:yaml.org,2002:binary'"),
        ("- !a\n  b", 1, 3, "not valid YAML: plain values have no tag '!a'"),
        ("? [a]\n: b", 1, 3, "not valid YAML: while constructing a mapping, found unhashable key"),
        ("<<: 3", 1, 5, "not valid YAML: while constructing a mapping, expected a mapping or list of mappings"),
        ("[" * 3_000, 1, 51, "cannot be read: it is nested too deeply, in more than 50 levels"),
        ("- " * 3_000, 1, 101, "cannot be read: it is nested too deeply, in more than 50 levels"),
        ("{a: " * 3_000, 1, 198, "cannot be read: it is nested too deeply, in more than 50 levels"),
    ],
)  # fmt: skip
def test_a_mistake_has_its_place(text: str, line: int, column: int, complaint: str) -> None:
    with pytest.raises(plain_yaml.Unreadable) as raised:
        plain_yaml.parse("# a comment\n" + text)
    assert str(raised.value).startswith(complaint)
    assert str(raised.value).endswith(f"(column {column})")
    assert (raised.value.line, raised.value.column) == (line + 1, column)


def test_bounds_are_exact() -> None:
    levels = plain_yaml.MOST_LEVELS
    assert plain_yaml.parse("[" * (levels - 1) + "1" + "]" * (levels - 1))
    with pytest.raises(plain_yaml.Unreadable, match="more than 50 levels"):
        plain_yaml.parse("[" * levels + "1" + "]" * levels)
    half = f"a: &a [{'1,' * 50}]\nb: [{'*a,' * ((plain_yaml.MOST_VALUES - 55) // 51)}]\n"
    assert len(plain_yaml.parse(half)["b"]) == 3_920
    with pytest.raises(plain_yaml.Unreadable, match="larger than 200,000 keys and values"):
        plain_yaml.parse(half + "c: *a\nd: *a\n")


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, str):
        return value.encode().decode() == value
    return value is None or type(value) in (bool, int, float, date, datetime)


_PIECES = st.one_of(
    st.sampled_from([word.decode() for word in WORDS]),
    st.sampled_from([" ", "\n", "\n  ", "- ", "? ", ": ", ", ", "{", "}", "[", "]", "|", ">", "---\n", "%YAML 1.1", "'", '"']),
    st.text(string.digits + ":-+._ eEbxTZ", max_size=12),
    st.text(max_size=4),
)  # fmt: skip
TEXTS = st.one_of(
    st.lists(_PIECES, max_size=12).map("".join),
    st.sampled_from([document.decode() for document in DOCUMENTS]),
    st.text(st.characters(), max_size=30),
)


@settings(max_examples=100, deadline=None)
@given(text=TEXTS)
@example(text='"\\UFFFFFFFF"')
@example(text="&a !!str {=: *a}")
@example(text="\ud800")
def test_any_text_is_plain_values_or_one_line(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    told: list[str] = []
    for read in (lambda: documents.read(Path(path)), lambda: split_change(f"a={text}")[1]):
        try:
            assert _is_plain(read())
        except M5Error as error:
            told.append(str(error))
    assert all("not valid YAML: " in one or "cannot be read: " in one or "is not UTF-8" in one for one in told)
