"""Values of records as they were delivered: found by selectors, column by column, and told as text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import itemgetter
from typing import Any

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.ingest.mapping import Selector

Record = dict[str, Any]
_encode = msgspec.json.Encoder(order="sorted").encode
_NESTED_KINDS = {list, dict, type(None)}


def selector(select: Selector) -> Callable[[list[Record]], list[Any]]:
    """A function that takes records to the first selected value of each that is not blank, else None."""
    paths = (select,) if isinstance(select, str) else select

    def find(records: list[Record]) -> list[Any]:
        found = along(paths[0], records) if paths else [None] * len(records)
        for path in paths[1:]:
            found = [one if not _blank(one) else other for one, other in zip(found, along(path, records), strict=True)]
        return found

    return find


def along(path: str, records: list[Any]) -> list[Any]:
    """What lies at a path in each record; a key that is called like the whole path, or the rest of it, comes first."""
    values = _each(path, records)
    first, dot, rest = path.partition(".")
    if not dot:
        return values
    below = along(rest, list(map(structure_of, _each(first, records))))
    if not any(value is not None for value in values):
        return below
    return [other if value is None else value for value, other in zip(values, below, strict=True)]


def _each(key: str, values: list[Any]) -> list[Any]:
    """What each value holds under a key."""
    if not {value.__class__ for value in values} <= _NESTED_KINDS - {list}:
        return [_inside(value, key) for value in values]
    return [value and value.get(key) for value in values]


def _inside(value: Any, key: str) -> Any:
    """The value of a key of an object, or at a place of a list."""
    if value.__class__ is dict:
        return value.get(key)
    if value.__class__ is list and key.isdecimal() and int(key) < len(value):
        return value[int(key)]
    return None


def _blank(value: Any) -> bool:
    return value is None or value == "" or value == []


def texts_of(values: list[Any], *, single: bool = False) -> pl.Series:
    """Values as delivered: text as it is, blank as null, everything else as JSON.

    Args:
        values: of one field.
        single: of a list that stands where one value is wanted, take the first.
    """
    found = _texts_alone(values)
    if found is not None:
        return found
    if not single and {value.__class__ for value in values} <= _NESTED_KINDS:
        encoded = [None if value is None else _encode(value) for value in values]
        return pl.Series(pa.array(encoded, pa.large_binary()).cast(pa.large_string()))
    return not_blank(pa.array([text_of(_single(v) if single else v) for v in values], pa.large_string()))


def _texts_alone(values: list[Any]) -> pl.Series | None:
    """Values that are all texts or missing, blank ones as null; None where one is not."""
    try:
        return not_blank(pa.array(values, pa.large_string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def not_blank(texts: pa.LargeStringArray) -> pl.Series:
    """Texts, those of white space alone as null."""
    blank = pc.or_(pc.utf8_is_space(texts), pc.equal(pc.binary_length(texts), 0))
    if pc.any(blank).as_py():
        texts = pc.if_else(blank, pa.scalar(None, pa.large_string()), texts)
    return pl.Series(texts)


def is_writable(record: Record) -> bool:
    """Whether a record can be written out: parsers take a deeper nesting than writers."""
    try:
        _encode(record)
    except RecursionError:
        return False
    return True


def text_of(value: Any) -> str | None:
    """One value as delivered: text as it is, blank as None, everything else as JSON."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if value is None:
        return None
    return _encode(value).decode()


def _single(value: Any) -> Any:
    """What stands where one value is wanted: of a list of texts the first, of an empty list or object nothing."""
    if isinstance(value, list) and value and isinstance(value[0], str):
        return value[0]
    return None if value in ([], {}) else value


def structure_of(value: Any) -> Any:
    """The list or object in a cell: as it is, or parsed from a JSON string; anything else unchanged."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def raw_columns(records: list[Record], keys: list[str]) -> tuple[dict[str, pl.Series], set[str]]:
    """Every key of any record, in order, with its values as text, and the keys whose values are texts alone."""
    columns, plain = {}, set()
    for key, values in zip(keys, _transposed(records, keys), strict=True):
        found = _texts_alone(values)
        if found is not None:
            plain.add(key)
        columns[key] = texts_of(values) if found is None else found
    return columns, plain


def _transposed(records: list[Record], keys: list[str]) -> Iterable[list[Any]]:
    """The values of each key; of records that all have all keys, which most exports write, at once."""
    if len(keys) > 1 and all(len(record) == len(keys) for record in records):
        return map(list, zip(*map(itemgetter(*keys), records), strict=True))
    return ([record.get(key) for record in records] for key in keys)
