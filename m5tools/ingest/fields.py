"""How well each field of a delivery is filled: counted chunk by chunk while it is parsed, added up at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from m5tools import atomic
from m5tools.ingest.delivered import Record, selector, texts_of
from m5tools.ingest.mapping import Mapping, Selector
from m5tools.ingest.wide import Entries, Given

EXAMPLE_KEPT = 80
FIELDS_KEPT = 20_000
NUMBER = "{n}"
# What a list or an object without content is when it is written out.
HOLLOW = ("[]", "{}", "null", '""')
_HOLLOW = pa.array(HOLLOW, pa.large_string())


@dataclass
class FieldCounts:
    """Of some records: their number, in how many each field is filled, and its smallest value.

    Where keys are data there are as many fields as values: of very many the most filled are kept, and those named.

    Attributes:
        rows: number of records.
        filled: field → rows in which it is filled.
        examples: field → its smallest value.
        named: fields that the mapping names.
    """

    rows: int = 0
    filled: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    named: tuple[str, ...] = ()

    def see(self, given: Given, records: list[Record], inner: Iterable[str]) -> None:
        """Count a batch.

        Args:
            given: every value as text.
            records: the same as delivered.
            inner: paths of fields inside objects to count as well.
        """
        self.rows += len(records)
        if isinstance(given, Entries):
            names = self._note_entries(given.frame)
        else:
            names = set(given)
            for name, values in given.items():
                self._note(name, values)
        for path in inner:
            if path not in names:
                found = texts_of(selector(path)(records))
                if found.null_count() < len(found):
                    self._note(path, found.to_arrow())
        self._keep(2 * FIELDS_KEPT)

    def add(self, other: FieldCounts) -> None:
        """Take in the counts of another chunk."""
        self.rows += other.rows
        for name, count in other.filled.items():
            self.filled[name] = self.filled.get(name, 0) + count
        for name, example in other.examples.items():
            self.examples[name] = min(self.examples.get(name, example), example)
        self.named = (*self.named, *(name for name in other.named if name not in self.named))
        self._keep(2 * FIELDS_KEPT)

    def kept(self) -> FieldCounts:
        """The counts without the fields that are too many."""
        self._keep(FIELDS_KEPT)
        return self

    def _keep(self, most: int) -> None:
        if len(self.filled) <= most:
            return
        best = sorted(self.filled, key=lambda name: (-self.filled[name], name))[:FIELDS_KEPT]
        names = sorted({*best, *(name for name in self.named if name in self.filled)})
        self.filled = {name: self.filled[name] for name in names}
        self.examples = {name: self.examples[name] for name in names if name in self.examples}

    def _note_entries(self, frame: pl.DataFrame) -> set[str]:
        """Count the values of each key; gives the keys."""
        full = pl.col("text").is_not_null() & ~pl.col("text").is_in(HOLLOW)
        counted = frame.group_by("key").agg(full.sum().alias("filled"), pl.col("text").filter(full).min())
        for name, count, smallest in counted.sort("key").iter_rows():
            self._count(name, count, smallest)
        return set(counted["key"])

    def _note(self, name: str, texts: pa.LargeStringArray) -> None:
        filled = texts.filter(pc.invert(pc.is_in(texts, _HOLLOW))).drop_null()
        self._count(name, len(filled), pc.min(filled).as_py())

    def _count(self, name: str, filled: int, smallest: Any) -> None:
        self.filled[name] = self.filled.get(name, 0) + filled
        if isinstance(smallest, str):
            smallest = smallest[:EXAMPLE_KEPT]
            self.examples[name] = min(self.examples.get(name, smallest), smallest)


def write(folder: Path, unit: str, counts: FieldCounts) -> None:
    """Leave the counts of a chunk for the end."""
    atomic.write_json(folder / f"{unit}.json", asdict(counts.kept()))


def read(folder: Path) -> FieldCounts:
    """The counts of all chunks together."""
    whole = FieldCounts()
    for file in sorted(folder.glob("*.json")):
        whole.add(FieldCounts(**json.loads(file.read_text(encoding="utf-8"))))
    return whole.kept()


def named_paths(mapping: Mapping) -> tuple[str, ...]:
    """Fields, and paths inside objects, that a mapping names."""
    return tuple(sorted({path for path, _ in _uses(mapping) if NUMBER not in path}))


def inner_paths(mapping: Mapping) -> tuple[str, ...]:
    """Of the named fields those inside objects."""
    return tuple(path for path in named_paths(mapping) if "." in path)


def targets(mapping: Mapping, names: Iterable[str]) -> dict[str, list[str]]:
    """What a mapping makes of each of some fields; of an object, also what it makes of fields inside."""
    uses = sorted(set(_uses(mapping)))
    found: dict[str, list[str]] = {}
    for name in names:
        fits = [target for path, target in uses if _covers(path, name)]
        found[name] = sorted(set(fits))
    return found


def _covers(path: str, name: str) -> bool:
    if path == name or path.startswith(f"{name}."):
        return True
    return NUMBER in path and re.fullmatch(re.escape(path).replace(re.escape(NUMBER), r"\d+"), name) is not None


def _uses(mapping: Mapping) -> Iterator[tuple[str, str]]:
    """(path, target) of everything that a mapping takes."""
    selected: list[tuple[Selector, str]] = [(select, name) for name, select in mapping.fields.items()]
    if mapping.category:
        selected.append((mapping.category.select or mapping.category.columns, "category"))
    for place in mapping.attributes:
        selected += [(select, "attributes") for select in (place.select, place.numbered_values) if select]
    selected += [(text.select, f"texts/{text.role}") for text in mapping.texts]
    for modality, places in mapping.media.items():
        target = f"media/{modality.value}"
        selected += [(select, target) for place in places for select in (place.select, place.downloads) if select]
    selected += [(companion.matches, "companion") for companion in mapping.companions]
    selected += [(name, "requires") for name in mapping.requires]
    for select, target in selected:
        for path in (select,) if isinstance(select, str) else select:
            yield path, target
