"""Records that a crawler may deliver and nobody means: strategies for hypothesis, as lines of JSON text."""

from __future__ import annotations

import json
from typing import Any, Final

from hypothesis import strategies as st

FIELDS: Final = (
    "id", "title", "description", "price", "currency", "brand", "gtin", "url", "category", "language", "crawled_at",
    "attributes", "images", "videos", "audios",
)  # fmt: skip

_NUMBERS = st.one_of(
    st.sampled_from(
        ["NaN", "Infinity", "-Infinity", "1e999", "-0.0", "9" * 400, "1e-320", "0." + "0" * 300 + "1"]
        + [str(2**n) for n in (31, 32, 53, 63, 64, 128)]
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers(-(2**70), 2**70).map(str),
)
_TRICKY: Final = (
    "USB cable", "9,99 €", "1.299,00", "$5", "10-20 EUR", "250 g", "12 x 330 ml", "null", "N/A", "<b>Mug</b>", "&#0;",
    "http://", "https://[::1", "file:///etc/passwd", "2026-13-45T99:99:99Z", "=1+1", "Ã¤Ã¶Ã¼", "\u202e", "a" * 9_000,
)  # fmt: skip
_ESCAPES = st.sampled_from(["\\ud800", "\\udfff\\ud800", "\\u0000", "\\u0001", "\\ufeff", "\\u202e", "\\n", "\\ud83d"])
_WORDS = st.sampled_from(_TRICKY)
_STRINGS = st.lists(
    st.one_of(_WORDS, st.text(max_size=20)).map(lambda t: json.dumps(t)[1:-1]) | _ESCAPES, max_size=3
).map(lambda parts: '"' + "".join(parts) + '"')
_PLAIN = st.one_of(_NUMBERS, _STRINGS, st.sampled_from(["null", "true", "false", '""', "[]", "{}"]))


def _inside(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Lists and objects of values; keys come twice now and then."""
    pairs = st.lists(
        st.tuples(st.sampled_from(['"name"', '"value"', '"url"', '"name"', '""', '"a.b"']), values), max_size=4
    )
    return st.one_of(
        st.lists(values, max_size=4).map(lambda items: f"[{','.join(items)}]"),
        pairs.map(lambda items: "{" + ",".join(f"{key}:{value}" for key, value in items) + "}"),
    )


_VALUES = st.recursive(_PLAIN, _inside, max_leaves=12)
_DEEP = st.sampled_from([10, 500, 990, 5_000]).map(lambda depth: "[" * depth + "]" * depth)


def _object(pairs: list[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{key}":{value}' for key, value in pairs) + "}"


RECORDS = st.lists(st.tuples(st.sampled_from(FIELDS), st.one_of(_VALUES, _VALUES, _VALUES, _DEEP)), max_size=10).map(
    _object
)
"""One record; a field of any kind, a key now and then twice."""

BROKEN = st.sampled_from(
    [
        "",
        "{",
        "[1]",
        "null",
        '{"title": "x"',
        '{"title": "\t"}',
        "\x00",
        '{"a":1}{"b":2}',
        '"x"',
        "{'id': 1}",
        "\ufeff{}",
    ]
)
LINES = st.lists(st.one_of(RECORDS, RECORDS, RECORDS, BROKEN), min_size=1, max_size=8)


def value_of(text: str) -> Any:
    """What a line means to Python, None where it is no JSON."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
