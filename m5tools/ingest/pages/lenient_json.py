"""JSON as shops write it: strict where it is strict, otherwise repaired as far as it can be read.

What pages get wrong: HTML comments and CDATA around the text, raw line breaks inside strings, trailing commas, several
values after one another, entities for quotes, an end that is cut off. Object literals of JavaScript (keys without
quotes, single quotes, `undefined`) are read by the same rules, because shops hold their state in them.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from typing import Any

import msgspec

LONGEST_REPAIR = 2_000_000
DEEPEST = 200

_WRAPPING = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|(?:-->|(?://|/\*)?\s*\]\]>\s*(?:\*/)?)\s*$"
)
_TOKEN = re.compile(
    r"""\s+|//[^\n]*|/\*.*?(?:\*/|\Z)
    |(?P<mark>[{}\[\],:])
    |(?P<double>"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z))
    |(?P<single>'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z))
    |(?P<template>`[^`\\]*(?:\\.[^`\\]*)*(?:`|\\?\Z))
    |(?P<number>-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w$]))
    |(?P<word>[\w$][\w$.-]*)
    |(?P<junk>.)""",
    re.VERBOSE | re.DOTALL,
)
_WORDS = {"true": True, "false": False, "null": None, "undefined": None, "NaN": None}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|x[0-9a-fA-F]{2}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "\n": ""}
_strict = msgspec.json.Decoder()
_scan = json.JSONDecoder(strict=False)


class _Cut(Exception):
    """The text is no literal from here on."""


def documents(text: str) -> list[Any]:
    """Every JSON value in the text of a script element, in order; what cannot be read is left out."""
    text = _WRAPPING.sub("", text.strip()).strip().strip(";")
    if not text:
        return []
    try:
        return [_strict.decode(text.encode("utf-8", "replace"))]
    except (msgspec.DecodeError, RecursionError):
        pass
    if len(text) > LONGEST_REPAIR:
        return []
    if "&quot;" in text and '"' not in text:
        text = html.unescape(text)
    return list(_concatenated(text))


def literal(text: str, start: int) -> tuple[Any, int] | None:
    """The JSON value or object literal that begins at `start`, and where it ends; None when there is none."""
    try:
        return _scan.raw_decode(text, start)
    except (ValueError, RecursionError):
        pass
    value, end = _read(text, start, min(len(text), start + LONGEST_REPAIR), lenient_end=False)
    return None if value is None else (value, end)


def unquoted(text: str) -> str:
    """What a JavaScript string literal says, its quotes and escapes undone."""
    return _unescape(text[1:-1])


def _concatenated(text: str) -> Iterator[Any]:
    place = 0
    while (begin := min((p for p in (text.find("{", place), text.find("[", place)) if p >= 0), default=-1)) >= 0:
        try:
            value, place = _scan.raw_decode(text, begin)
        except (ValueError, RecursionError):
            value, place = _read(text, begin, len(text), lenient_end=True)
            place = max(place, begin + 1)
        if value is not None:
            yield value


def _read(text: str, start: int, end: int, *, lenient_end: bool) -> tuple[Any, int]:
    """One object or list, read with an explicit stack so that depth costs no recursion."""
    stack: list[tuple[Any, str | None]] = []
    container: Any = None
    key: str | None = None
    pending: str | None = None
    for found in _TOKEN.finditer(text, start, end):
        kind = found.lastgroup
        if kind is None:
            continue
        word = found[0]
        if kind == "mark" and word in "{[":
            fresh: Any = {} if word == "{" else []
            if container is not None:
                _put(container, key, fresh)
                stack.append((container, None))
                if len(stack) > DEEPEST:
                    return None, found.end()
            container, key, pending = fresh, None, None
        elif kind == "mark" and word in "}]":
            if container is None:
                return None, found.end()
            if pending is not None and isinstance(container, list):
                container.append(pending)
            pending = key = None
            if not stack:
                return container, found.end()
            container, key = stack.pop()
        elif container is None:
            return None, found.end()
        elif word == ":" and kind == "mark":
            key, pending = pending, None
        elif word == "," and kind == "mark":
            key = pending = None
        elif kind == "junk":
            # A quote that never closes or an operator: an expression, not a literal.
            if not lenient_end:
                return None, found.end()
        elif isinstance(container, dict) and key is None:
            pending = _name(kind, word)
        else:
            _put(container, key, _scalar(kind, word))
            key = None
    while stack:
        container, _ = stack.pop()
    return (container if lenient_end else None), end


def _put(container: Any, key: str | None, value: Any) -> None:
    if isinstance(container, list):
        container.append(value)
    elif key is not None:
        container[key] = value


def _name(kind: str, word: str) -> str:
    return _unescape(word[1:-1]) if kind in ("double", "single", "template") else word


def _scalar(kind: str, word: str) -> Any:
    if kind == "number" and len(word) < 40:
        return float(word) if set(word) & set(".eE") else int(word)
    if kind == "word":
        return _WORDS.get(word)
    if kind == "number":
        return word
    return _unescape(word[1:-1])


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text

    def one(found: re.Match[str]) -> str:
        code = found[1]
        if code[0] in "ux" and len(code) > 1:
            return chr(int(code[1:], 16))
        return _ESCAPED.get(code, code)

    plain = _ESCAPE.sub(one, text)
    return plain.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if "\\u" in text else plain
