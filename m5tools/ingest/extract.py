"""Records through a mapping: every mapped field as delivered, column by column, nothing cleaned yet.

A column whose values all have the shape that its source usually writes (texts; lists of objects; …) is taken apart by
list comprehensions; only a batch with an irregular value in a column goes value by value through the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.ingest.category_path import path_of
from m5tools.ingest.mapping import (
    FIELDS,
    AttributeField,
    CategoryField,
    Mapping,
    MediaField,
    ProductField,
    Selector,
    TextField,
)
from m5tools.ingest.pairs import pairs_of
from m5tools.vocabulary import Modality

Record = dict[str, Any]
_encode = msgspec.json.Encoder(order="sorted").encode

_NESTED_KINDS = {list, dict, type(None)}

ATTRIBUTE = {
    "row": pl.Int64, "name_raw": pl.String, "value_raw": pl.String, "is_option": pl.Boolean, "language": pl.String,
}  # fmt: skip
TEXT = {"row": pl.Int64, "role": pl.String, "language": pl.String, "value": pl.String}
MEDIUM = {"row": pl.Int64, "modality": pl.String, "role": pl.String, "location_raw": pl.String}


class Extracted(NamedTuple):
    """The columns of a batch of records; child frames carry the number of their record as `row`.

    Attributes:
        fields: one String column a product field, null where it is not mapped or blank.
        paths, path: the different category paths, List(String), root first; the number of each record's.
        raw: for every key of any record, its values as text, keys in order.
        texts, attributes, media: sorted by row, in the order of the mapping and the record.
    """

    fields: pl.DataFrame
    paths: pl.Series
    path: list[int]
    raw: dict[str, pl.Series]
    texts: pl.DataFrame
    attributes: pl.DataFrame
    media: pl.DataFrame


class Extractor:
    """A mapping made ready to run.

    Args:
        mapping: the mapping.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._constants: dict[str, str] = {str(name): value for name, value in mapping.constants.items()}
        self._fields = {name: selector(mapping.fields[name]) for name in FIELDS if name in mapping.fields}
        plain = {name: mapping.fields[name] for name in self._fields}
        self._keys = {name: key for name, key in plain.items() if isinstance(key, str) and "." not in key}
        self._category = _Category(mapping.category) if mapping.category else None
        self._attributes = mapping.attributes
        self._texts = [(t, selector(t.select)) for t in mapping.texts]
        self._media = [(m, f, selector(f.select)) for m in Modality for f in mapping.media.get(m, ())]
        self._downloads = {f.downloads: selector(f.downloads) for _, f, _ in self._media if f.downloads}

    def _given(
        self, name: ProductField, records: list[Record], raw: dict[str, pl.Series], plain: set[str]
    ) -> pl.Series:
        """A field as delivered; where it is one key of the records that holds texts, that column as it stands."""
        key = self._keys.get(name)
        if key is not None and key in plain:
            return raw[key]
        values = self._fields[name](records)
        if name == "description":
            values = [_paragraphs(value) for value in values]
        return texts_of(values, single=True)

    def _downloaded(self, spec: MediaField, records: list[Record]) -> list[dict[str, str]] | None:
        """What the crawler has downloaded of each record: location → path, as Scrapy's media pipelines list it."""
        if spec.downloads is None:
            return None
        return [_paths(structure_of(found)) for found in self._downloads[spec.downloads](records)]

    def take(self, records: list[Record]) -> Extracted:
        """The columns of some records.

        Raises:
            RecursionError: a value is nested too deeply to be written out.
        """
        raw, plain = raw_columns(records)
        fields = []
        for name in FIELDS:
            if name in self._fields:
                given = self._given(name, records, raw, plain)
            else:
                given = pl.repeat(None, len(records), dtype=pl.String, eager=True)
            constant = self._constants.get(name)
            fields.append((given if constant is None else given.fill_null(constant)).alias(name))
        paths, path = self._category.read(records) if self._category else ([[]], [0] * len(records))
        return Extracted(
            pl.DataFrame(fields),
            pl.Series(paths, dtype=pl.List(pl.String)),
            path,
            raw,
            _stack(TEXT, (_texts(f, select(records)) for f, select in self._texts)),
            _stack(ATTRIBUTE, (_attributes(f, records) for f in self._attributes)),
            _stack(
                MEDIUM, (_media(m, f, select(records), self._downloaded(f, records)) for m, f, select in self._media)
            ),
        )


def selector(select: Selector) -> Callable[[list[Record]], list[Any]]:
    """A function that takes records to the first selected value of each that is not blank, else None."""
    paths = (select,) if isinstance(select, str) else select

    def find(records: list[Record]) -> list[Any]:
        found = _along(paths[0], records) if paths else [None] * len(records)
        for path in paths[1:]:
            found = [one if not _blank(one) else other for one, other in zip(found, _along(path, records), strict=True)]
        return found

    return find


def _along(path: str, records: list[Any]) -> list[Any]:
    """What lies at a path in each record; a key that is called like the whole path, or the rest of it, comes first."""
    values = [_inside(record, path) for record in records]
    first, dot, rest = path.partition(".")
    if not dot:
        return values
    below = _along(rest, [structure_of(_inside(record, first)) for record in records])
    return [other if value is None else value for value, other in zip(values, below, strict=True)]


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
    return _not_blank(pa.array([text_of(_single(v) if single else v) for v in values], pa.large_string()))


def _texts_alone(values: list[Any]) -> pl.Series | None:
    """Values that are all texts or missing, blank ones as null; None where one is not."""
    try:
        return _not_blank(pa.array(values, pa.large_string()))
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return None


def _not_blank(texts: pa.LargeStringArray) -> pl.Series:
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
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else value


def _paragraphs(value: Any) -> Any:
    """A list of texts as one text, a line each."""
    if isinstance(value, list) and value and {item.__class__ for item in value} == {str}:
        return "\n".join(value)
    return value


def structure_of(value: Any) -> Any:
    """The list or object in a cell: as it is, or parsed from a JSON string; anything else unchanged."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def raw_columns(records: list[Record]) -> tuple[dict[str, pl.Series], set[str]]:
    """Every key of any record with its values as text, and the keys whose values are texts alone."""
    columns, plain = {}, set()
    for key in sorted(set().union(*records)):
        values = [record.get(key) for record in records]
        found = _texts_alone(values)
        if found is not None:
            plain.add(key)
        columns[key] = texts_of(values) if found is None else found
    return columns, plain


def _stack(schema: dict[str, Any], frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Frames of child rows one below the other, brought into the order of their records."""
    return pl.concat([pl.DataFrame(schema=schema), *frames]).sort("row", maintain_order=True)


class _Category:
    """Reads category paths; equal deliveries are read once."""

    def __init__(self, spec: CategoryField) -> None:
        self._spec = spec
        self._select = selector(spec.select) if spec.select is not None else self._levels_of
        self._columns = [selector(column) for column in spec.columns]
        self._levels = re.compile(spec.levels) if spec.levels else None
        self._skip = frozenset(spec.skip)

    def read(self, records: list[Record]) -> tuple[list[list[str]], list[int]]:
        """The different paths, and the number of each record's."""
        values = self._select(records)
        keys = [value if value.__class__ is str else text_of(value) for value in values]
        numbers: dict[str | None, int] = {}
        paths: list[list[str]] = []
        rows = []
        for key, value in zip(keys, values, strict=True):
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(paths)
                paths.append(self._path(value))
            rows.append(number)
        return paths, rows

    def _levels_of(self, records: list[Record]) -> list[Any]:
        levels = (select(records) for select in self._columns)
        return [[text_of(level) for level in path] for path in zip(*levels, strict=True)]

    def _path(self, value: Any) -> list[str]:
        spec = self._spec
        path = path_of(structure_of(value), spec.item, spec.choices, self._levels)
        return [level for level in path if level not in self._skip]


def _attributes(spec: AttributeField, records: list[Record]) -> pl.DataFrame:
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
        columns = (texts_of(_along(template.replace("{n}", number), records)) for template in (names, values))
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
    else:
        found = _object_pairs(spec, values) or _member_pairs(spec, values) or _any_pairs(spec, values)
        rows, names, contents = found
        frame = pl.DataFrame(
            {"row": pl.Series(rows, dtype=pl.Int64), "name_raw": texts_of(names), "value_raw": contents}
        )
        frame = frame.drop_nulls("name_raw")
    return frame


def _object_pairs(spec: AttributeField, values: list[Any]) -> tuple[list[int], list[Any], pl.Series] | None:
    """Pairs where every value is a list of objects that have both keys, or missing; None where one is not."""
    name, content = spec.name_key, spec.value_key
    try:
        rows = [row for row, value in enumerate(values) if value for _ in value]
        names = [item[name] for value in values if value for item in value]
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


def _texts(spec: TextField, values: list[Any]) -> pl.DataFrame:
    """(row, role, language, value) of every text in one place."""
    if spec.lines is None:
        content = texts_of([_paragraphs(value) for value in values])
        rows = pl.int_range(len(values), eager=True)
        frame = pl.DataFrame({"row": rows, "value": content}).drop_nulls("value")
        return frame.select(
            "row", pl.lit(spec.role).alias("role"), pl.lit(spec.language, pl.String).alias("language"), "value"
        )
    pattern = re.compile(spec.lines)
    found = [
        (row, spec.role, line["language"], line["value"])
        for row, value in enumerate(values)
        for line in map(pattern.match, (text_of(value) or "").splitlines())
        if line and line["value"].strip()
    ]
    return pl.DataFrame(found, schema=TEXT, orient="row")


def _media(
    modality: Modality, spec: MediaField, values: list[Any], downloaded: list[dict[str, str]] | None
) -> pl.DataFrame:
    """(row, modality, role, location_raw) of every file in one place; of one that was downloaded, its path."""
    found = _plain_locations(spec, values)
    if found is None:
        found = _any_locations(spec, values)
    rows, roles, locations = found
    if downloaded is not None:
        locations = [downloaded[row].get(place, place) for row, place in zip(rows, locations, strict=True)]
    columns = {"row": pl.Series(rows, dtype=pl.Int64), "role": pl.Series(roles, dtype=pl.String)}
    frame = pl.DataFrame(columns | {"location_raw": texts_of(locations).str.strip_chars()}).drop_nulls("location_raw")
    if spec.prefix:
        remote = pl.col("location_raw").str.contains(r"://|^//")
        below = pl.lit(f"{spec.prefix}/") + pl.col("location_raw").str.strip_chars_start("/")
        frame = frame.with_columns(location_raw=pl.when(remote).then("location_raw").otherwise(below))
    return frame.select("row", pl.lit(modality.value).alias("modality"), "role", "location_raw")


def _paths(downloads: Any) -> dict[str, str]:
    """Location → path of every download that has both."""
    items = [item for item in downloads if isinstance(item, dict)] if isinstance(downloads, list) else []
    found = {item.get("url"): item.get("path") for item in items}
    return {url: path for url, path in found.items() if isinstance(url, str) and isinstance(path, str) and path}


def _plain_locations(spec: MediaField, values: list[Any]) -> tuple[list[int], Any, list[Any]] | None:
    """Locations where every value is a list of texts or missing; None where one is not."""
    kinds = {value.__class__ for value in values}
    if not kinds <= {list, type(None)}:
        return None
    locations = [item for value in values if value for item in value]
    if not {item.__class__ for item in locations} <= {str}:
        return None
    return [row for row, value in enumerate(values) if value for _ in value], [spec.role] * len(locations), locations


def _any_locations(spec: MediaField, values: list[Any]) -> tuple[list[int], Any, list[Any]]:
    rows, roles, locations = [], [], []
    location_in = selector(spec.item or ())
    for row, value in enumerate(values):
        value = structure_of(value)
        if isinstance(value, str):
            value = value.split(spec.split) if spec.split else [value]
        for item in value if isinstance(value, list) else ():
            role = spec.role
            if isinstance(item, dict):
                role = text_of(item.get(spec.role_item)) or role if spec.role_item else role
                [item] = location_in([item])
            if isinstance(item, str):
                rows.append(row)
                roles.append(role)
                locations.append(item)
    return rows, roles, locations
