"""What is in files: their format, the known layout they fit, how each field is filled, and a mapping to begin with."""

from __future__ import annotations

import io
import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from m5tools import documents
from m5tools.errors import UsageError
from m5tools.ingest import mapping as mappings
from m5tools.ingest.delivered import Record
from m5tools.ingest.guess.folders import parts_of
from m5tools.ingest.guess.listed import listing, listing_of_lines
from m5tools.ingest.guess.profile import profiles
from m5tools.ingest.guess.propose import Proposal, as_yaml, propose
from m5tools.ingest.guess.tables import marked_layout
from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.readers import READERS, locations, saved_pages
from m5tools.ingest.readers.csv_dialect import dialect_of
from m5tools.ingest.readers.detect import format_of
from m5tools.ingest.readers.encoding import narrowed
from m5tools.ingest.readers.json_lines import holds_json_lines
from m5tools.ingest.readers.opening import head_of, whole_files

ROWS: Final = 500
FILES_READ: Final = 20
ROWS_TAKEN_APART: Final = 50
# A layout of few telling fields fits only files that have no others: `id, name, description, price` is in any shop.
FEW_FIELDS: Final = 6
# Whatever is on a page, its reader gives it these names.
_ONE_LAYOUT: Final = {"pages": "schema_org"}
# In a folder, files of these names are looked into.
RECORD_SUFFIXES: Final = frozenset(
    {
        ".csv",
        ".tsv",
        ".jsonl",
        ".ndjson",
        ".json",
        ".xml",
        ".rss",
        ".atom",
        ".parquet",
        ".gz",
        ".zst",
        ".bz2",
        ".xz",
        ".zip",
    }
)
_DETECTED: Final = 0.8
_LINES_LOOKED_AT: Final = 8
_NO_NAMES: Final = (
    "\nNo line of it names the columns, so they are numbered; are they named after all: table: {header: true}."
)
_ENDINGS_DETECTED: Final = 0.75
_FIELDS_TO_DETECT: Final = 10


@dataclass(frozen=True)
class Field:
    """How a field is filled, and what it becomes."""

    filled: float
    example: str
    becomes: str


@dataclass(frozen=True)
class Sniffed:
    """What was found in files of one layout.

    Attributes:
        files: the files, local paths or URIs.
        others: files among those named that are of another layout or format.
        format: the reader that fits.
        rows: rows looked at.
        bad: rows among them that could not be parsed.
        fields: field (inside objects a dotted path) → how it is filled.
        layout: name of the known mapping that fits, or None.
        mapping: a mapping file for them: the known one as shipped, else a proposal.
    """

    files: tuple[str, ...]
    others: tuple[str, ...]
    format: str
    rows: int
    bad: int
    fields: dict[str, Field]
    layout: str | None
    mapping: str


@dataclass(frozen=True)
class _Look:
    """The first rows of one file."""

    file: str
    format: str
    table: TableLayout | None
    listed: str | None
    rows: int
    records: list[Record]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for record in self.records for name in record)

    @property
    def group(self) -> tuple[str, str | frozenset[str] | None]:
        """Files of one known layout belong together, else tables with the same columns, else files of one format."""
        return self.format, self.layout or (self.names if self.format == "csv" else None)

    @property
    def layout(self) -> str | None:
        """The known layout that fits."""
        if self.table is None or not self.table.columns:
            inner = {p.path for p in profiles(self.records[:ROWS_TAKEN_APART])} if self.format != "csv" else set()
            return _layout(self.format, self.names, self.names | inner)
        return next((name for name, m in mappings.known().items() if _same_table(m, self.table)), None)


def sniff(*files: str | os.PathLike[str]) -> Sniffed:
    """Look at the first rows of files, folders or what patterns match: local paths or fsspec URIs.

    Of files of several layouts (a table of products beside one of categories) those are chosen whose layout is known,
    else those in which most was found.

    Raises:
        UsageError: nothing is there, or nothing in it can be read as records.
    """
    names = [os.fspath(name) for name in files]
    found_files, folders = _named(names)
    looks = [look for file in found_files[:FILES_READ] if (look := _look(file)) is not None]
    if not looks:
        if folders:
            return _folder(folders[0])
        raise UsageError(f"{', '.join(names)}: no file that can be read as records")
    groups: dict[object, list[_Look]] = {}
    for look in looks:
        groups.setdefault(look.group, []).append(look)
    found = [_sniffed(group) for group in groups.values()]
    best = max(found, key=lambda one: (one[0].layout is not None, one[1]))[0]
    if best.rows == best.bad:
        raise UsageError(f"{', '.join(names)}: none of {best.rows} rows is a record (read as {best.format})")
    others = tuple(look.file for look in looks if look.file not in best.files)
    return Sniffed(**{**vars(best), "others": others})


def _named(names: list[str]) -> tuple[list[str], list[str]]:
    """The files that names stand for, and the folders among the names."""
    files: dict[str, None] = {}
    folders = []
    for name in names:
        found = [name] if not locations.is_remote(name) and Path(name).exists() else locations.matching(name)
        if not found:
            raise UsageError(f"no file {name}")
        for path in found:
            inside = locations.inside(path)
            if inside is None:
                files[path] = None
            else:
                folders.append(path)
                files |= dict.fromkeys(p for p in inside if PurePosixPath(p).suffix.lower() in RECORD_SUFFIXES)
    return list(files), folders


def _look(file: str) -> _Look | None:
    name = _name(file)
    kind = "pages" if name.lower().endswith(saved_pages.SUFFIXES) else format_of(file, name)
    if kind is None:
        return None
    head = head_of(whole_files(file, name)[0]) if kind in ("csv", "json", "json_lines") else b""
    table = _table(head) if kind == "csv" else None
    one_object = kind == "json" or (kind == "json_lines" and not holds_json_lines(head))
    listed = None
    if kind in ("json", "json_lines"):
        text = narrowed(io.BytesIO(head), head).read()
        listed = listing(text) if one_object else listing_of_lines(text.splitlines()[:_LINES_LOOKED_AT])
    kind = "json" if listed and one_object else kind
    any_mapping = Mapping.model_validate({"source": "-", "format": kind, "table": table or {}, "record": listed})
    reader, rows, records = READERS[kind], 0, []
    for chunk in reader.chunks(file, name):
        for batch in reader.batches(chunk, any_mapping):
            rows += len(batch)
            records += batch.records
            if rows >= ROWS:
                return _Look(file, kind, table, listed, rows, records)
    return _Look(file, kind, table, listed, rows, records)


def _table(head: bytes) -> TableLayout | None:
    """How a table is written, where its mapping must say so."""
    marked = marked_layout(head)
    if marked is not None:
        return marked
    has_names = not dialect_of(head, TableLayout()).names
    return None if has_names else TableLayout(header=False)


def _name(path: str) -> str:
    """The last step of a path or URI."""
    return path.rstrip("/").rpartition("/")[2] or path


def _sniffed(group: list[_Look]) -> tuple[Sniffed, int]:
    """What a group of files of one layout is, and how much was found in it."""
    records = [record for look in group for record in look.records]
    rows = sum(look.rows for look in group)
    kind = group[0].format
    layout = group[0].layout
    proposal = propose(records)
    files = tuple(look.file for look in group)
    text = _shipped(layout) if layout else _proposed(proposal, group[0], files, rows)
    found = Sniffed(files, (), kind, rows, rows - len(records), _fields(proposal, records), layout, text)
    return found, proposal.score


def _fields(proposal: Proposal, records: list[Record]) -> dict[str, Field]:
    becomes = proposal.becomes()
    return {p.path: Field(p.filled, p.example, becomes.get(p.path, "")) for p in profiles(records)}


def _layout(kind: str, names: Set[str], paths: Set[str]) -> str | None:
    """The known mapping most of whose telling fields are there (at least four fifths of them).

    Args:
        kind: the format.
        names: of the fields.
        paths: these, and the paths inside objects.
    """
    if kind in _ONE_LAYOUT:
        return _ONE_LAYOUT[kind]
    best: tuple[float, int, str] | None = None
    for name, mapping in mappings.known().items():
        if mapping.format != kind or not mapping.detect:
            continue
        telling = set(mapping.detect)
        fits = names == telling if len(telling) < FEW_FIELDS else len(paths & telling) >= _DETECTED * len(telling)
        rank = (len(paths & telling) / len(telling), len(telling), name)
        if fits and (best is None or rank > best):
            best = rank
    return best[2] if best else None


def _same_table(mapping: Mapping, table: TableLayout) -> bool:
    known = mapping.table
    return known is not None and known.delimiter == table.delimiter and len(known.columns) == len(table.columns)


def _shipped(layout: str) -> str:
    return documents.locate("mapping", "schemas/sources", layout).read_text(encoding="utf-8")


def _proposed(proposal: Proposal, look: _Look, files: tuple[str, ...], rows: int) -> str:
    named = _name(files[0]) if len(files) == 1 else f"{_name(files[0])} and {len(files) - 1} more"
    head: dict[str, Any] = {"source": _source(files[0]), "format": look.format}
    head |= {"table": look.table.model_dump(exclude_defaults=True, mode="json")} if look.table else {}
    head |= {"record": look.listed} if look.listed else {}
    telling = [path for choice in proposal.choices for path in [choice.taken[0].path] if "." not in path]
    detect = list(dict.fromkeys(telling))[:_FIELDS_TO_DETECT]
    note = _note(rows, named) + (_NO_NAMES if look.table is not None else "")
    return as_yaml(proposal, head, note, detect if len(detect) >= FEW_FIELDS else ())


def _note(rows: int, named: str) -> str:
    return f"Proposed by `m5 sniff` from {rows:,} rows of {named}; look it through and change what is wrong."


def _source(path: str) -> str:
    """A name for a source, from that of its file."""
    stem = "".join(c if c.isascii() and c.isalnum() else "_" for c in _name(path).split(".")[0]).strip("_")
    return stem or "source"


def _folder(folder: str) -> Sniffed:
    """A folder without records: of files that share a stem."""
    parts = None if locations.is_remote(folder) else parts_of(Path(folder))
    if parts is None:
        raise UsageError(f"{folder}: no records in it, and no pictures, clips or sounds")
    known = (n for n, m in mappings.known().items() if m.parts is not None and _same_parts(m, parts))
    layout = next(known, None)
    head: dict[str, Any] = {"source": _source(folder), "format": "folder", "parts": parts}
    reader, mapping = READERS["folder"], Mapping.model_validate(head)
    batches = (b for chunk in reader.chunks(folder, _name(folder)) for b in reader.batches(chunk, mapping))
    records = [record for batch in batches for record in batch.records]
    proposal = propose(records)
    text = _shipped(layout) if layout else as_yaml(proposal, head, _note(len(records), _name(folder)))
    return Sniffed((folder,), (), "folder", len(records), 0, _fields(proposal, records), layout, text)


def _same_parts(mapping: Mapping, parts: dict[str, Any]) -> bool:
    """Whether most endings of a known layout of folders are there."""
    known = mapping.parts
    assert known is not None
    endings = {known.text, *known.texts, *known.image, *known.video, *known.audio} - {None}
    media = (parts.get(kind, {}) for kind in ("texts", "image", "video", "audio"))
    here = {parts.get("text"), *(ending for kind in media for ending in kind)}
    return len(endings & here) >= _ENDINGS_DETECTED * len(endings)
