"""Attributes where a mapping says they are: lists of objects or pairs, objects, texts of pairs, numbered fields."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import polars as pl
import pyarrow as pa

from m5tools.ingest.delivered import Record, along, not_blank, selector, structure_of, texts_of
from m5tools.ingest.mapping import AttributeField
from m5tools.ingest.pairs import pairs_of

ATTRIBUTE = {
    "row": pl.Int64, "name_raw": pl.String, "value_raw": pl.String, "is_option": pl.Boolean, "language": pl.String,
}  # fmt: skip
# What `str.strip` takes off; Polars by itself leaves the separators of files, groups, records and units.
_SPACE = (
    "\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


def attributes(spec: AttributeField, records: list[Record]) -> pl.DataFrame:
    """(row, name_raw, value_raw, is_option, language) of every pair in one place."""
    if spec.numbered_values is not None:
        frame = _numbered_pairs(str(spec.select), spec.numbered_values, records)
    else:
        frame = _pairs_in(spec, selector(spec.select)(records))
    if spec.skip:
        frame = frame.filter(~pl.col("name_raw").is_in(spec.skip))
    if spec.blank:
        frame = frame.filter(~pl.col("value_raw").is_in(spec.blank).fill_null(False))
    option = pl.lit(True) if "*" in spec.options else pl.col("name_raw").str.to_lowercase().is_in(spec.options)
    return frame.with_columns(
        is_option=option if spec.options else pl.lit(False), language=pl.lit(spec.language, pl.String)
    )


def _numbered_pairs(names: str, values: str, records: list[Record]) -> pl.DataFrame:
    """(row, name_raw, value_raw) of fields such as `Attribute 1 name` and `Attribute 1 value`, in number order."""
    found = [pl.DataFrame(schema={"row": pl.Int64, "name_raw": pl.String, "value_raw": pl.String})]
    for number in numbers(names, records):
        columns = (texts_of(along(template.replace("{n}", number), records)) for template in (names, values))
        name, value = columns
        rows = pl.int_range(len(records), eager=True)
        found.append(pl.DataFrame({"row": rows, "name_raw": name, "value_raw": value}).drop_nulls("name_raw"))
    return pl.concat(found).sort("row", maintain_order=True)


def numbers(template: str, records: list[Record]) -> list[str]:
    """What stands for `{n}` in the fields of some records, smallest number first."""
    pattern = re.compile(re.escape(template).replace(re.escape("{n}"), r"(\d+)"))
    outer, dot, _ = template.partition(".")
    keys = {key for record in records for key in record}
    if dot:
        inside = (record.get(outer) for record in records)
        keys |= {f"{outer}.{key}" for value in inside if isinstance(value, dict) for key in value}
    return sorted((m[1] for key in keys if (m := pattern.fullmatch(key))), key=lambda n: (int(n), n))


def _pairs_in(spec: AttributeField, values: list[Any]) -> pl.DataFrame:
    """(row, name_raw, value_raw) of every pair in the values of one field."""
    if spec.name is not None:
        frame = pl.DataFrame({"row": pl.int_range(len(values), eager=True), "value_raw": texts_of(values)})
        if spec.pairs is not None:
            frame = frame.with_columns(pl.col("value_raw").str.split(spec.pairs)).explode("value_raw")
        frame = frame.drop_nulls("value_raw").select("row", pl.lit(spec.name).alias("name_raw"), "value_raw")
    elif (apart := _text_pairs(spec, values)) is not None:
        frame = apart
    else:
        found = _object_pairs(spec, values) or _member_pairs(spec, values) or _any_pairs(spec, values)
        rows, names, contents = found
        frame = pl.DataFrame(
            {"row": pl.Series(rows, dtype=pl.Int64), "name_raw": texts_of(names), "value_raw": contents}
        )
        frame = frame.drop_nulls("name_raw")
    return frame


def _text_pairs(spec: AttributeField, values: list[Any]) -> pl.DataFrame | None:
    """Pairs where every value is a text whose separators are declared, or missing; None where one is not.

    The same as :func:`_pairs` gives, by whole columns.
    """
    if not spec.pairs or not {value.__class__ for value in values} <= {str, type(None)}:
        return None
    if any(value and value[0] in "[{" and structure_of(value) is not value for value in values):
        return None
    texts = pl.DataFrame(
        {"row": pl.int_range(len(values), dtype=pl.Int64, eager=True), "pair": pl.Series(values, dtype=pl.String)}
    )
    halves = pl.col("pair").str.splitn(spec.assign, 2).struct.rename_fields(["name_raw", "value_raw"])
    pairs = (
        texts.drop_nulls("pair")
        .with_columns(pl.col("pair").str.split(spec.pairs))
        .explode("pair")
        .select("row", halves)
        .unnest("pair")
        .drop_nulls("value_raw")
        .with_columns(pl.col("name_raw").str.strip_chars(_SPACE))
        .filter(pl.col("name_raw") != "")
    )
    contents = not_blank(pairs["value_raw"].to_arrow().cast(pa.large_string()))
    return pairs.with_columns(pl.Series("value_raw", contents))


def _object_pairs(spec: AttributeField, values: list[Any]) -> tuple[list[int], list[Any], pl.Series] | None:
    """Pairs where every value is a list of objects that have both keys, or missing; None where one is not."""
    name, content = spec.name_key, spec.value_key
    try:
        names = [item[name] for value in values if value for item in value]  # the first letter of a text has no keys
        rows = [row for row, value in enumerate(values) if value for _ in value]
        return rows, names, texts_of([item[content] for value in values if value for item in value])
    except (TypeError, KeyError):
        return None


def _member_pairs(spec: AttributeField, values: list[Any]) -> tuple[list[int], list[Any], pl.Series] | None:
    """Pairs where every value is an object whose members they are, or missing; None where one is not."""
    single = {spec.name_key, spec.value_key}
    if spec.keys_are_values:
        return None
    if not {value.__class__ for value in values} <= {dict, type(None)} or any(v and v.keys() == single for v in values):
        return None
    rows = [row for row, value in enumerate(values) if value for _ in value]
    names = [name for value in values if value for name in value]
    return rows, names, texts_of([content for value in values if value for content in value.values()])


def _any_pairs(spec: AttributeField, values: list[Any]) -> tuple[list[int], list[Any], pl.Series]:
    rows, names, contents = [], [], []
    for row, value in enumerate(values):
        for name, content in _pairs(spec, structure_of(value)):
            rows.append(row)
            names.append(name)
            contents.append(content)
    return rows, names, texts_of(contents)


def _pairs(spec: AttributeField, value: Any) -> Iterator[tuple[str, Any]]:
    """(name, value) of the pairs in one value of whatever shape."""
    if spec.keys_are_values and isinstance(value, dict):
        for name, content in value.items():
            yield from ((str(name), key) for key in content) if isinstance(content, dict) else ((str(name), content),)
        return
    if not isinstance(value, str) or spec.pairs is None:
        yield from pairs_of(value, spec.name_key, spec.value_key)
        return
    for pair in value.split(spec.pairs):
        name, assign, content = pair.partition(spec.assign)
        if assign:
            yield name.strip(), content
