"""One record through a mapping: every mapped field as delivered, nothing cleaned yet.

This is the one place where products are handled one by one: records are irregular. What comes out is columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec

from m5tools.ingest.mapping import FIELDS, AttributeField, CategoryField, Mapping, MediaField, Selector, TextField
from m5tools.vocabulary import Modality

Record = dict[str, Any]
_encode = msgspec.json.Encoder(order="sorted").encode


@dataclass
class Columns:
    """The extracted columns of a batch of records; child rows carry the number of their record."""

    fields: dict[str, list[str | None]] = field(default_factory=lambda: {name: [] for name in FIELDS})
    category: list[list[str]] = field(default_factory=list)
    raw: list[list[tuple[str, str]]] = field(default_factory=list)
    texts: list[tuple[int, str, str | None, str]] = field(default_factory=list)
    attributes: list[tuple[int, str, str | None, bool]] = field(default_factory=list)
    media: list[tuple[int, str, str | None, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.category)


class Extractor:
    """A mapping made ready to run.

    Args:
        mapping: the mapping.
    """

    def __init__(self, mapping: Mapping) -> None:
        self._constants: dict[str, str] = {str(name): value for name, value in mapping.constants.items()}
        self._fields: list[tuple[str, Callable[[Record], Any]]] = [
            (name, selector(mapping.fields[name])) for name in FIELDS if name in mapping.fields
        ]
        self._category = _category_reader(mapping.category) if mapping.category else None
        self._attributes = [(a, selector(a.select)) for a in mapping.attributes]
        self._texts = [(t, selector(t.select)) for t in mapping.texts]
        self._media = [
            (modality.value, m, selector(m.select)) for modality in Modality for m in mapping.media.get(modality, ())
        ]

    def add(self, record: Record, to: Columns) -> bool:
        """Append one record; False (and nothing appended) when it holds no content at all.

        Raises:
            RecursionError: a value is nested too deeply to be written out; nothing was appended.
        """
        number = len(to)
        values = {name: text_of(_single(select(record))) for name, select in self._fields}
        category = self._category(record) if self._category else []
        texts = [(number, *t) for field_, select in self._texts for t in _texts(field_, select(record))]
        attributes = [(number, *a) for field_, select in self._attributes for a in _attributes(field_, select(record))]
        media = [(number, kind, *m) for kind, field_, select in self._media for m in _media(field_, select(record))]
        raw = [(str(key), text) for key, value_ in record.items() if (text := text_of(value_)) is not None]
        filled = any(value is not None and value.strip() for _, _, value, _ in attributes)
        if not (values.get("title") or values.get("description") or texts or filled or media):
            return False
        for name in FIELDS:
            to.fields[name].append(values.get(name) or self._constants.get(name))
        to.category.append(category)
        to.raw.append(raw)
        to.texts += texts
        to.attributes += attributes
        to.media += media
        return True


def selector(select: Selector) -> Callable[[Record], Any]:
    """A function that takes a record to the first selected value that is not blank, else None."""
    paths = [path.split(".") for path in ((select,) if isinstance(select, str) else select)]

    def find(record: Record) -> Any:
        for path in paths:
            value: Any = record
            for step in path:
                value = value.get(step) if isinstance(value, dict) else None
            if value is not None and value != "" and value != []:
                return value
        return None

    return find


def text_of(value: Any) -> str | None:
    """A value as delivered: text as it is, blank as None, everything else as JSON."""
    if isinstance(value, str):
        return value if value and not value.isspace() else None
    if value is None:
        return None
    return _encode(value).decode()


def _single(value: Any) -> Any:
    """Of a list that stands where one value is wanted, the first."""
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else value


def structure_of(value: Any) -> Any:
    """The list or object in a cell: as it is, or parsed from a JSON string; anything else unchanged."""
    if isinstance(value, str) and value[:1] in "[{":
        try:
            return msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError):
            return value
    return value


def _category_reader(spec: CategoryField) -> Callable[[Record], list[str]]:
    select, levels, skip = selector(spec.select), re.compile(spec.levels), frozenset(spec.skip)

    def read(record: Record) -> list[str]:
        value = structure_of(select(record))
        if isinstance(value, list):
            names = [v.get(spec.item) if isinstance(v, dict) and spec.item else v for v in value]
            return [str(n).strip() for n in names if n not in (None, "") and str(n) not in skip]
        if not isinstance(value, str):
            return []
        paths = value.split(spec.choices) if spec.choices else [value]
        split = [[level for level in levels.split(p.strip()) if level and level not in skip] for p in paths]
        return max(split, key=len)

    return read


def _attributes(spec: AttributeField, value: Any) -> Iterator[tuple[str, str | None, bool]]:
    """(name, value, is option) of every pair in one place."""
    for name, content in _pairs(spec, structure_of(value) if spec.name is None else value):
        if name and name not in spec.skip:
            yield name, content, "*" in spec.options or name.casefold() in spec.options


def _pairs(spec: AttributeField, value: Any) -> Iterator[tuple[str, str | None]]:
    if value is None:
        return
    if spec.name is not None:
        yield spec.name, text_of(value)
    elif isinstance(value, dict):
        for name, content in value.items():
            yield str(name), text_of(content)
    elif isinstance(value, list):
        for item in value:
            if isinstance(item, dict):
                yield str(item.get(spec.name_key) or ""), text_of(item.get(spec.value_key))
    elif isinstance(value, str) and spec.pairs:
        for pair in value.split(spec.pairs):
            name, assign, content = pair.partition(spec.assign)
            if assign:
                yield name.strip(), text_of(content)


def _texts(spec: TextField, value: Any) -> Iterator[tuple[str, str | None, str]]:
    """(role, language, text) of every text in one place."""
    text = text_of(value)
    if text is None:
        return
    if spec.lines is None:
        yield spec.role, spec.language, text
        return
    pattern = re.compile(spec.lines)
    for line in text.splitlines():
        found = pattern.match(line)
        if found and found["value"].strip():
            yield spec.role, found["language"], found["value"]


def _media(spec: MediaField, value: Any) -> Iterator[tuple[str | None, str]]:
    """(role, location) of every file in one place."""
    value = structure_of(value)
    if isinstance(value, str):
        value = value.split(spec.split) if spec.split else [value]
    for item in value if isinstance(value, list) else ():
        role = spec.role
        if isinstance(item, dict):
            role = text_of(item.get(spec.role_item)) or role if spec.role_item else role
            item = item.get(spec.item) if spec.item else None
        if isinstance(item, str) and item.strip():
            location = item.strip()
            relative = bool(spec.prefix) and "://" not in location and not location.startswith("//")
            yield role, f"{spec.prefix}/{location.lstrip('/')}" if relative else location
