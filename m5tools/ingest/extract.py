"""Records through a mapping: every mapped field as delivered, column by column, nothing cleaned yet.

A column whose values all have the shape that its source usually writes (texts; lists of objects; …) is taken apart by
list comprehensions; only a batch with an irregular value in a column goes value by value through the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import polars as pl
import pyarrow as pa

from m5tools.ingest.attribute_places import ATTRIBUTE, attributes
from m5tools.ingest.category_path import path_of
from m5tools.ingest.delivered import Record, Records, selector, structure_of, text_of, texts_of
from m5tools.ingest.mapping import (
    FIELDS,
    CategoryField,
    Mapping,
    MediaField,
    ProductField,
    TextField,
)
from m5tools.ingest.media_places import MEDIUM, media, paths
from m5tools.ingest.wide import Given, given_of
from m5tools.vocabulary import Modality

TEXT = {"row": pl.Int64, "role": pl.String, "language": pl.String, "value": pl.String}

PATHS_KEPT = 65_536


class Extracted(NamedTuple):
    """The columns of a batch of records; child frames carry the number of their record as `row`.

    Attributes:
        fields: one String column a product field, null where it is not mapped or blank.
        paths, path: the different category paths, List(String), root first; the number of each record's.
        raw: every value of every record as text; by key, keys in order, where there are not too many.
        texts, attributes, media: sorted by row, in the order of the mapping and the record.
    """

    fields: pl.DataFrame
    paths: pl.Series
    path: list[int]
    raw: Given
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
        self, name: ProductField, records: list[Record], raw: dict[str, pa.LargeStringArray], plain: set[str]
    ) -> pl.Series:
        """A field as delivered; where it is one key of the records that holds texts, that column as it stands."""
        key = self._keys.get(name)
        if key is not None and key in plain:
            return pl.Series(raw[key])
        values = self._fields[name](records)
        if name == "description":
            values = [_paragraphs(value) for value in values]
        return texts_of(values, single=True)

    def _downloaded(self, spec: MediaField, records: list[Record]) -> list[dict[str, str]] | None:
        """What the crawler has downloaded of each record: location → path, as Scrapy's media pipelines list it."""
        if spec.downloads is None:
            return None
        return [paths(structure_of(found)) for found in self._downloads[spec.downloads](records)]

    def take(self, records: list[Record]) -> Extracted:
        """The columns of some records.

        Raises:
            RecursionError: a value is nested too deeply to be written out.
        """
        records = records if isinstance(records, Records) else Records(records)
        raw, plain = given_of(records)
        shared = raw if isinstance(raw, dict) else {}
        fields = []
        for name in FIELDS:
            if name in self._fields:
                given = self._given(name, records, shared, plain)
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
            _stack(ATTRIBUTE, (attributes(f, records) for f in self._attributes)),
            _stack(
                MEDIUM, (media(m, f, select(records), self._downloaded(f, records)) for m, f, select in self._media)
            ),
        )


def _paragraphs(value: Any) -> Any:
    """A list of texts as one text, a line each."""
    if isinstance(value, list) and value and {item.__class__ for item in value} == {str}:
        return "\n".join(value)
    return value


def _stack(schema: dict[str, Any], frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Frames of child rows one below the other, brought into the order of their records."""
    several = list(frames)
    if len(several) == 1:
        return several[0]
    return pl.concat([pl.DataFrame(schema=schema), *several]).sort("row", maintain_order=True)


@lru_cache(maxsize=8)
def _paths_known(spec: CategoryField) -> dict[str | None, list[str]]:
    """The paths of deliveries that were read before, for as long as the process lives."""
    return {}


class _Category:
    """Reads category paths; equal deliveries are read once, also in later batches and chunks."""

    def __init__(self, spec: CategoryField) -> None:
        self._spec = spec
        self._select = selector(spec.select) if spec.select is not None else self._levels_of
        self._columns = [selector(column) for column in spec.columns]
        self._levels = re.compile(spec.levels) if spec.levels else None
        self._skip = frozenset(spec.skip)
        self._known = _paths_known(spec)

    def read(self, records: list[Record]) -> tuple[list[list[str]], list[int]]:
        """The different paths, and the number of each record's."""
        values = self._select(records)
        keys = [value if value.__class__ is str else text_of(value) for value in values]
        if len(self._known) > PATHS_KEPT:
            self._known.clear()
        numbers: dict[str | None, int] = {}
        paths: list[list[str]] = []
        rows = []
        for key, value in zip(keys, values, strict=True):
            number = numbers.get(key)
            if number is None:
                number = numbers[key] = len(paths)
                path = self._known.get(key)
                if path is None:
                    path = self._known[key] = self._path(value)
                paths.append(path)
            rows.append(number)
        return paths, rows

    def _levels_of(self, records: list[Record]) -> list[Any]:
        levels = (select(records) for select in self._columns)
        return [[text_of(level) for level in path] for path in zip(*levels, strict=True)]

    def _path(self, value: Any) -> list[str]:
        spec = self._spec
        path = path_of(structure_of(value), spec.item, spec.choices, self._levels)
        return [level for level in path if level not in self._skip]


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
