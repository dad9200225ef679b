"""Values of records as they were delivered: found by selectors, column by column, and told as text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from operator import itemgetter
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.ingest.mapping import Selector

Record = dict[str, Any]
_encoder = msgspec.json.Encoder(order="sorted")
_encode = _encoder.encode
_NESTED_KINDS = {list, dict, type(None)}

KEYS_AS_COLUMNS: Final = 2_000
_CALLS_DEEPER: Final = 64
_CELLS_A_VALUE: Final = 8
_CELLS_ANYWAY: Final = 1 << 20


class Records(list[Record]):
    """The records of a batch, which are turned into columns once, whoever asks for them."""

    @cached_property
    def keys(self) -> list[str]:
        """The keys of any record, in order."""
        return sorted(set().union(*self))

    @cached_property
    def is_wide(self) -> bool:
        """Whether the records have hardly a key in common, so that columns would be nearly empty, and very many."""
        cells = len(self.keys) * len(self)
        return len(self.keys) > KEYS_AS_COLUMNS or cells > _CELLS_A_VALUE * sum(map(len, self)) + _CELLS_ANYWAY

    @cached_property
    def columns(self) -> dict[str, list[Any]]:
        """The values of each key, keys in order; None where a record lacks it. Not for wide records."""
        keys = self.keys
        if len(keys) > 1 and all(len(record) == len(keys) for record in self):
            # Most exports write all keys into all records.
            return dict(zip(keys, map(list, zip(*map(itemgetter(*keys), self), strict=True)), strict=True))
        return {key: [record.get(key) for record in self] for key in keys}


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
    if isinstance(values, Records) and not values.is_wide:
        return values.columns.get(key) or [None] * len(values)
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
        return pl.Series(found)
    if not single:
        return pl.Series(_written(values))
    return pl.Series(not_blank(pa.array([text_of(_single(value)) for value in values], pa.large_string())))


def _written(values: list[Any]) -> pa.LargeStringArray:
    if {value.__class__ for value in values} <= _NESTED_KINDS:
        return _encoded(values)
    return not_blank(pa.array(list(map(text_of, values)), pa.large_string()))


def _encoded(values: list[Any]) -> pa.LargeStringArray:
    """Lists and objects as JSON, None as null."""
    lines = _encoder.encode_lines(values)
    ends = np.flatnonzero(np.frombuffer(lines, np.uint8) == ord("\n"))
    offsets = np.append(0, ends - np.arange(len(values)))
    data = lines.translate(None, b"\n")
    texts = pa.LargeStringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(data))
    missing = pa.array([value is None for value in values])
    return pc.if_else(missing, pa.scalar(None, pa.large_string()), texts) if pc.any(missing).as_py() else texts


def _texts_alone(values: list[Any]) -> pa.LargeStringArray | None:
    """Values that are all texts or missing, blank ones as null; None where one is not."""
    try:
        return not_blank(pa.array(values, pa.large_string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def not_blank(texts: pa.LargeStringArray) -> pa.LargeStringArray:
    """Texts, those of white space alone as null."""
    blank = pc.or_(pc.utf8_is_space(texts), pc.equal(pc.binary_length(texts), 0))
    if pc.any(blank).as_py():
        return pc.if_else(blank, pa.scalar(None, pa.large_string()), texts)
    return texts


def is_writable(record: Record) -> bool:
    """Whether a record can be written out: parsers take a deeper nesting than writers.

    How deep they go depends on the calls they are reached through; so it must be writable from some calls deeper too.
    """
    deeper: Any = record
    for _ in range(_CALLS_DEEPER):
        deeper = [deeper]
    try:
        _encode(deeper)
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


def raw_columns(records: Records) -> tuple[dict[str, pa.LargeStringArray], set[str]]:
    """Every key of any record with its values as text, and the keys whose values are texts alone."""
    columns, plain = {}, set()
    for key, values in records.columns.items():
        found = _texts_alone(values)
        if found is not None:
            plain.add(key)
        columns[key] = _written(values) if found is None else found
    return columns, plain
