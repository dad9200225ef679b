"""Arrow columns as values that JSON can hold, column by column."""

from __future__ import annotations

import base64
import math
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def values_of(column: pa.Array) -> list[Any]:
    """The values of a column: null, bool, number, text, list, object.

    Args:
        column: of any type. A map becomes an object, or where a key comes twice a list of `{key, value}`.
    """
    kind = column.type
    if isinstance(column, pa.ExtensionArray):
        return values_of(column.storage)
    if pa.types.is_dictionary(kind):
        return values_of(column.dictionary_decode())
    if pa.types.is_struct(kind):
        return _objects(column)
    if pa.types.is_map(kind):
        return _maps(column)
    if pa.types.is_nested(kind) and hasattr(column, "flatten") and hasattr(column, "value_lengths"):
        return _lists(column, values_of(column.flatten()))
    if pa.types.is_floating(kind):
        return [None if value is None else _finite(value) for value in _doubles(column).to_pylist()]
    if pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return _texts(column)
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind):
        return [None if value is None else _text(value) for value in column.to_pylist()]
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_null(kind) or _is_text(kind):
        return list(column.to_pylist())
    return [None if value is None else str(value) for value in column.to_pylist()]


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _objects(column: pa.StructArray) -> list[Any]:
    names = distinct_names([field.name for field in column.type])
    fields = [values_of(field) for field in column.flatten()]
    there = column.is_valid().to_pylist()
    rows = zip(*fields, strict=True) if fields else ([()] * len(column))
    return [dict(zip(names, row, strict=True)) if valid else None for valid, row in zip(there, rows, strict=True)]


def _maps(column: pa.MapArray) -> list[Any]:
    entries = column.cast(pa.list_(pa.struct([("key", column.type.key_type), ("value", column.type.item_type)])))
    return [None if pairs is None else _map(pairs) for pairs in values_of(entries)]


def _map(pairs: list[dict[str, Any]]) -> Any:
    entries = {str(pair["key"]): pair["value"] for pair in pairs}
    return entries if len(entries) == len(pairs) else pairs


def _lists(column: Any, values: list[Any]) -> list[Any]:
    """`values` cut into the lists of a column; flattening leaves out what lies under nulls."""
    lengths = column.value_lengths().to_pylist()
    ends = pairwise(accumulate((length or 0 for length in lengths), initial=0))
    return [None if n is None else values[a:b] for n, (a, b) in zip(lengths, ends, strict=True)]


def _doubles(column: pa.Array) -> pa.Array:
    """Floats of 64 bits; shorter ones by the digits that tell them apart: 19.99 was meant, not 19.989999771118164."""
    if pa.types.is_float16(column.type):
        digits = [None if value is None else str(np.float16(value)) for value in column.to_pylist()]
        return pa.array(digits, pa.string()).cast(pa.float64())
    return column.cast(pa.string()).cast(pa.float64()) if pa.types.is_float32(column.type) else column


def distinct_names(names: list[str]) -> list[str]:
    """Names of columns or of fields of an object, of which none may be blank or hide another: `a`, `a` → `a`, `a_2`."""
    found: dict[str, None] = {}
    for number, name in enumerate(names, 1):
        name = name or f"column_{number}"
        while name in found or (name != names[number - 1] and name in names):
            name = f"{name}_{number}"
        found[name] = None
    return list(found)


def _finite(value: float) -> Any:
    return value if math.isfinite(value) else None if math.isnan(value) else str(value)


def _texts(column: pa.Array) -> list[Any]:
    """Times in ISO 8601, decimals by their digits; without a textual form, their numbers."""
    kind = column.type
    if pa.types.is_duration(kind):
        return list(column.cast(pa.int64()).to_pylist())
    texts = column.cast(pa.string())
    if pa.types.is_timestamp(kind):
        texts = pc.replace_substring(texts, " ", "T", max_replacements=1)
        if kind.unit != "s":
            texts = pc.replace_substring_regex(texts, r"\.0+(Z?)$", r"\1")
    if pa.types.is_temporal(kind) and pc.any(strange := pc.starts_with(texts, "<")).as_py():
        # Of a time that no calendar has Arrow writes a complaint.
        numbers = column.view(pa.int64() if kind.bit_width == 64 else pa.int32())
        texts = pc.if_else(strange, numbers.cast(pa.string()), texts)
    return list(texts.to_pylist())


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()
