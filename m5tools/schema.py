"""The law for tables: `schemas/tables/*.yaml` → Arrow schemas; writers cast to it, readers never infer.

A law file names a table's path in the dataset folder, its key, and for every column its Arrow type, whether it may be
null, its unit and its meaning. :func:`conform` null-fills columns that a writer left out, casts safely, and refuses
what does not fit: an unknown column, a null where none may be, a value the type cannot hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import yaml

from m5tools import resources
from m5tools.errors import M5Error

_PRIMITIVES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "binary": pa.binary(),
    "bool": pa.bool_(),
    "uint8": pa.uint8(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "timestamp[us, UTC]": pa.timestamp("us", tz="UTC"),
}


class SchemaError(M5Error):
    """A table does not fit its law; the message names table, column and the first offending value."""


@dataclass(frozen=True)
class Column:
    """One column of a law.

    Attributes:
        distinct: hardly any value repeats, so that a dictionary of them, or their extremes, would only cost time.
    """

    name: str
    type: pa.DataType
    nullable: bool
    unit: str | None
    meaning: str
    distinct: bool = False


@dataclass(frozen=True)
class Law:
    """What one table must look like.

    Attributes:
        table: the table's name.
        path: folder below the dataset root; `{name}` stands for a choice such as the policy.
        stage: the stage that writes it.
        key: columns whose combination is unique.
        meaning: what one row is.
        columns: in file order.
    """

    table: str
    path: str
    stage: str
    key: tuple[str, ...]
    meaning: str
    columns: tuple[Column, ...]

    @property
    def schema(self) -> pa.Schema:
        return pa.schema([pa.field(c.name, c.type, c.nullable) for c in self.columns])

    @property
    def repeating(self) -> list[str]:
        """Parquet paths of the columns whose values repeat."""
        return [path for c in self.columns if not c.distinct for path in _leaves(c.name, c.type)]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(c.name for c in self.columns)

    def folder(self, **choices: str) -> str:
        """The table's folder below the dataset root, its choices filled in (`default` where none is given)."""
        return re.sub(r"\{(\w+)\}", lambda m: choices.get(m[1], "default"), self.path)


# libyaml's is ten times faster, and every process reads the laws.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@cache
def laws() -> dict[str, Law]:
    """Every table of a dataset, by name, in the order of the file names."""
    files = sorted((resources.folder("schemas") / "tables").glob("*.yaml"))
    return {law.table: law for law in map(_read, files)}


def is_number(kind: pa.DataType) -> bool:
    """Whether values of a type can be compared with a threshold; true and false count as 1 and 0."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind))


def law(table: str) -> Law:
    """The law of one table."""
    try:
        return laws()[table]
    except KeyError:
        raise SchemaError(f"no table is called '{table}'; there are {', '.join(laws())}") from None


def conform(table: str, data: pa.Table) -> pa.Table:
    """The same rows under the table's law: columns in order, missing ones null, types cast safely.

    Raises:
        SchemaError: unknown column, null in a column that may hold none, or a value the type cannot hold.
    """
    wanted = law(table)
    unknown = [name for name in data.column_names if name not in wanted.names]
    if unknown:
        raise SchemaError(f"table '{table}' has no column {', '.join(unknown)}")
    columns = []
    for column in wanted.columns:
        if column.name not in data.column_names:
            values: pa.ChunkedArray | pa.Array = pa.nulls(data.num_rows, column.type)
        else:
            try:
                values = _cast(data[column.name], column.type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise SchemaError(f"table '{table}', column '{column.name}' is {column.type}: {error}") from error
        if not column.nullable and values.null_count:
            raise SchemaError(f"table '{table}', column '{column.name}' may not be null ({values.null_count} are)")
        columns.append(values)
    return pa.Table.from_arrays(columns, schema=wanted.schema).combine_chunks()


def _cast(values: pa.ChunkedArray, wanted: pa.DataType) -> pa.ChunkedArray | pa.Array:
    """A safe cast; lists of key–value pairs (what Polars has instead of maps) become maps."""
    if not pa.types.is_map(wanted) or pa.types.is_map(values.type):
        cast = values.cast(wanted)
        if wanted == pa.float32() and _infinite(cast) > _infinite(values):
            # Arrow's safe cast guards integers only.
            raise pa.ArrowInvalid("a number is too large for it")
        return cast
    pairs = values.combine_chunks()
    offsets = pairs.offsets.cast(pa.int32())
    keys, items = (pairs.values.field(i) for i in range(2))
    mask = pairs.is_null() if pairs.null_count else None
    return pa.MapArray.from_arrays(offsets, keys.cast(wanted.key_type), items.cast(wanted.item_type), mask=mask)


def _infinite(values: pa.ChunkedArray) -> int:
    return pc.sum(pc.is_inf(values)).as_py() or 0 if pa.types.is_floating(values.type) else 0


def empty(table: str) -> pa.Table:
    """A table of no rows that obeys its law."""
    return law(table).schema.empty_table()


def _read(file: Path) -> Law:
    body: dict[str, Any] = yaml.load(file.read_text(encoding="utf-8"), _LOADER)  # noqa: S506 - safe, either
    columns = tuple(
        Column(
            name,
            parse_type(spec["type"]),
            spec.get("nullable", True),
            spec.get("unit"),
            str(spec["meaning"]),
            spec.get("distinct", False),
        )
        for name, spec in body["columns"].items()
    )
    return Law(body["table"], body["path"], body["stage"], tuple(body["key"]), body["meaning"], columns)


def _leaves(path: str, kind: pa.DataType) -> Iterator[str]:
    """The paths under which Parquet keeps a column: itself, or the leaves of its lists, maps and structs."""
    if pa.types.is_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_map(kind):
        yield from _leaves(f"{path}.key_value.key", kind.key_type)
        yield from _leaves(f"{path}.key_value.value", kind.item_type)
    elif pa.types.is_struct(kind):
        for field in kind:
            yield from _leaves(f"{path}.{field.name}", field.type)
    else:
        yield path


def parse_type(text: str) -> pa.DataType:
    """An Arrow type from its notation in a law file: `list<string>`, `map<string, float64>`, `struct<a: int32>` …

    Raises:
        SchemaError: the notation is not known.
    """
    text = text.strip()
    if text in _PRIMITIVES:
        return _PRIMITIVES[text]
    outer, _, inner = text.partition("<")
    parts = list(_split(inner.removesuffix(">"))) if inner.endswith(">") else []
    if outer == "list" and len(parts) == 1:
        return pa.list_(parse_type(parts[0]))
    if outer == "map" and len(parts) == 2:
        return pa.map_(parse_type(parts[0]), parse_type(parts[1]))
    if outer == "struct" and parts:
        pairs = (part.split(":", 1) for part in parts)
        return pa.struct([pa.field(name.strip(), parse_type(kind)) for name, kind in pairs])
    raise SchemaError(f"unknown type '{text}' in a table law")


def _split(text: str) -> Iterator[str]:
    """The comma-separated parts of a type's arguments, commas inside < > left alone."""
    depth, start = 0, 0
    for i, char in enumerate(text):
        depth += (char == "<") - (char == ">")
        if char == "," and depth == 0:
            yield text[start:i]
            start = i + 1
    yield text[start:]
