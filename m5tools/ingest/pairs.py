"""The (name, value) pairs in one delivered value, whatever its shape: what can be found out needs no option.

Objects, lists of objects or of pairs, JSON in strings; HTML tables and definition lists; `k: v | k: v`, `k=v,k=v`,
`name#:#value#;#…`, one pair a line, and specifications that run on in one string.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from selectolax.lexbor import LexborHTMLParser

Pair = tuple[str, Any]

# Longest first where one begins another. The separators of M5Product's `pv` are of its own.
_PAIRS: Final = ("#;#", "||", "|", "\n", ";", " • ", "•", ",")
_ASSIGNS: Final = ("#:#", "::", ":", "=", "：", "\t")
_NAME: Final = re.compile(r"[^\W_][^:=|\n]{0,59}")
_LONGEST_NAME: Final = 60
_LONGEST_ALONE: Final = 200  # beyond, "Colour: red …" is prose that begins with a label
_AROUND: Final = " \t\r\n-–•·*"
_HTML: Final = re.compile(r"<(?:table|tr|dl|dt|li|p|div|br)\b", re.IGNORECASE)
_NAME_KEYS: Final = ("name", "key", "label", "title", "attribute", "attribute_name", "propertyID", "spec", "k", "n")
_VALUE_KEYS: Final = ("value", "values", "content", "text", "attribute_value", "val", "v")


def pairs_of(value: Any, name_key: str, value_key: str) -> Iterator[Pair]:
    """The pairs in an object, in a list, or in a string without declared separators.

    Args:
        value: as delivered, JSON strings taken apart.
        name_key: in a list of objects: the key of the name, where the usual ones do not fit.
        value_key: the key of the value.
    """
    if isinstance(value, dict):
        if set(value) == {name_key, value_key}:
            yield str(value[name_key] or ""), value[value_key]
            return
        for name, content in value.items():
            yield str(name), content
    elif isinstance(value, list):
        for item in value:
            yield from _item(item, name_key, value_key)
    elif isinstance(value, str):
        yield from written_pairs(value)


def _item(item: Any, name_key: str, value_key: str) -> Iterator[Pair]:
    if isinstance(item, dict):
        name = next((key for key in (name_key, *_NAME_KEYS) if item.get(key) not in (None, "")), None)
        content = next((key for key in (value_key, *_VALUE_KEYS) if key in item), None)
        if name is not None:
            yield str(item[name]), item[content] if content is not None else None
        elif content is None and not any(isinstance(inner, dict | list) for inner in item.values()):
            # [{"Colour": "red"}, {"Size": "L"}]: each object is a pair, or several.
            for key, inner in item.items():
                yield str(key), inner
    elif isinstance(item, list | tuple):
        if len(item) == 2 and isinstance(item[0], str):
            yield item[0], item[1]
    elif isinstance(item, str):
        yield from _alone(item)


def written_pairs(text: str) -> list[Pair]:
    """The pairs that a string lists; none where it does not look like a list of pairs.

    The separator between pairs is the one whose parts most often begin with a name and an assignment; at least half of
    them must. A part that is none (an address with `http:`, a sentence) belongs to the value before it.
    """
    if _HTML.search(text):
        found = _marked_up(text)
        if found:
            return found
        text = re.sub(r"<[^<>]*>", "\n", text)
    best: list[Pair] = []
    for separator in _PAIRS:
        parts = [part for part in text.split(separator) if part.strip()] if separator in text else []
        if len(parts) < 2:
            continue
        for assign in _ASSIGNS:
            found = _assigned(parts, separator, assign)
            if len(found) > len(best):
                best = found
        if best:
            return best
    return _alone(text)


def _alone(text: str) -> list[Pair]:
    """The one pair in a short string; none where several assignments follow and nothing says where values end."""
    if len(text) > _LONGEST_ALONE:
        return []
    for assign in _ASSIGNS:
        if text.count(assign) == 1:
            return _assigned([text], "", assign)
    return []


def _assigned(parts: list[str], separator: str, assign: str) -> list[Pair]:
    """Pairs where most parts hold the assignment behind a name; the others continue the value before them."""
    split = [part.partition(assign) for part in parts]
    named = [bool(sign) and _is_name(name) and not content.startswith("//") for name, sign, content in split]
    if sum(named) * 2 < len(parts) or not named[0]:
        return []
    found: list[tuple[str, str]] = []
    for part, (name, _, content), is_named in zip(parts, split, named, strict=True):
        if is_named:
            found.append((name.strip(_AROUND), content.strip()))
        else:
            found[-1] = (found[-1][0], f"{found[-1][1]}{separator}{part}".strip())
    return list(found)


def _is_name(text: str) -> bool:
    text = text.strip(_AROUND)
    return 0 < len(text) <= _LONGEST_NAME and _NAME.fullmatch(text) is not None and not text.isdigit()


def _marked_up(markup: str) -> list[Pair]:
    """The rows of HTML tables of two columns, the items of definition lists."""
    body = LexborHTMLParser(markup).body
    if body is None:
        return []
    found: list[Pair] = []
    for row in body.css("tr"):
        cells = [cell.text(separator=" ").strip() for cell in row.css("th, td")]
        if len(cells) == 2 and _short(cells[0]):
            found.append((cells[0].rstrip(" :"), cells[1]))
    for terms in body.css("dl"):
        name = None
        for node in terms.css("dt, dd"):
            content = node.text(separator=" ").strip()
            if node.tag == "dt":
                name = content.rstrip(" :")
            elif name and _short(name):
                found.append((name, content))
    return found


def _short(name: str) -> bool:
    return 0 < len(name) <= _LONGEST_NAME
