"""How well each field of a delivery is filled: counted chunk by chunk while it is parsed, added up at the end."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from m5tools import atomic
from m5tools.ingest.delivered import Record, selector, texts_of
from m5tools.ingest.mapping import Mapping, Selector

EXAMPLE_KEPT = 80
NUMBER = "{n}"
# What a list or an object without content is when it is written out.
HOLLOW = ("[]", "{}", "null", '""')
_HOLLOW = pa.array(HOLLOW, pa.large_string())


@dataclass
class FieldCounts:
    """Of some records: their number, in how many each field is filled, and its smallest value."""

    rows: int = 0
    filled: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)

    def see(self, columns: dict[str, pa.LargeStringArray], records: list[Record], inner: Iterable[str]) -> None:
        """Count a batch.

        Args:
            columns: field → values as text.
            records: the same as delivered.
            inner: paths of fields inside objects to count as well.
        """
        self.rows += len(records)
        for name, texts in columns.items():
            self._note(name, texts)
        for path in inner:
            if path not in columns:
                found = texts_of(selector(path)(records))
                if found.null_count() < len(found):
                    self._note(path, found.to_arrow())

    def add(self, other: FieldCounts) -> None:
        """Take in the counts of another chunk."""
        self.rows += other.rows
        for name, count in other.filled.items():
            self.filled[name] = self.filled.get(name, 0) + count
        for name, example in other.examples.items():
            self.examples[name] = min(self.examples.get(name, example), example)

    def _note(self, name: str, texts: pa.LargeStringArray) -> None:
        filled = texts.filter(pc.invert(pc.is_in(texts, _HOLLOW))).drop_null()
        self.filled[name] = self.filled.get(name, 0) + len(filled)
        smallest = pc.min(filled).as_py()
        if smallest is not None:
            smallest = smallest[:EXAMPLE_KEPT]
            self.examples[name] = min(self.examples.get(name, smallest), smallest)


def write(folder: Path, unit: str, counts: FieldCounts) -> None:
    """Leave the counts of a chunk for the end."""
    atomic.write_json(folder / f"{unit}.json", asdict(counts))


def read(folder: Path) -> FieldCounts:
    """The counts of all chunks together."""
    whole = FieldCounts()
    for file in sorted(folder.glob("*.json")):
        whole.add(FieldCounts(**json.loads(file.read_text(encoding="utf-8"))))
    return whole


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
