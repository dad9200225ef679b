"""What is in files: their format, the known layout they fit, how each field is filled, and a mapping to begin with."""

from __future__ import annotations

import os
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from m5tools import documents
from m5tools.errors import UsageError
from m5tools.ingest import mapping as mappings
from m5tools.ingest.delivered import Record
from m5tools.ingest.guess.folders import parts_of
from m5tools.ingest.guess.profile import profiles
from m5tools.ingest.guess.propose import Proposal, as_yaml, propose
from m5tools.ingest.look import Look, look, name_of, named
from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.readers import READERS, locations

FILES_READ: Final = 20
ROWS_TAKEN_APART: Final = 50
# A layout of few telling fields fits only files that have no others: `id, name, description, price` is in any shop.
FEW_FIELDS: Final = 6
# Whatever is on a page, its reader gives it these names.
_ONE_LAYOUT: Final = {"pages": "schema_org"}
_DETECTED: Final = 0.8
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


def sniff(*files: str | os.PathLike[str]) -> Sniffed:
    """Look at the first rows of files, folders or what patterns match: local paths or fsspec URIs.

    Of files of several layouts (a table of products beside one of categories) those are chosen whose layout is known,
    else those in which most was found.

    Raises:
        UsageError: nothing is there, or nothing in it can be read as records.
    """
    names = [os.fspath(name) for name in files]
    found_files, folders = named(names)
    looks = [seen for file in found_files[:FILES_READ] if (seen := look(file)) is not None]
    if not looks:
        if folders:
            return _folder(folders[0])
        raise UsageError(f"{', '.join(names)}: no file that can be read as records; tar archives must be unpacked")
    groups: dict[object, list[Look]] = {}
    for seen in looks:
        groups.setdefault(_group(seen), []).append(seen)
    found = [_sniffed(group) for group in groups.values()]
    best = max(found, key=lambda one: (one[0].layout is not None, one[1]))[0]
    if best.rows == best.bad:
        raise UsageError(f"{', '.join(names)}: none of {best.rows} rows is a record (read as {best.format})")
    others = tuple(seen.file for seen in looks if seen.file not in best.files)
    return Sniffed(**{**vars(best), "others": others})


def _group(seen: Look) -> tuple[object, ...]:
    """Files of one known layout belong together, else tables with the same columns, else files of one format."""
    layout = _layout_of(seen)
    return seen.format, seen.listed, layout or (seen.names if seen.format == "csv" else None)


def _layout_of(seen: Look) -> str | None:
    """The known layout that fits."""
    if seen.table is None or not seen.table.columns:
        inner = {p.path for p in profiles(seen.records[:ROWS_TAKEN_APART])} if seen.format != "csv" else set()
        return _layout(seen.format, seen.names, seen.names | inner)
    return next((name for name, m in mappings.known().items() if _same_table(m, seen.table)), None)


def _sniffed(group: list[Look]) -> tuple[Sniffed, int]:
    """What a group of files of one layout is, and how much was found in it."""
    records = [record for seen in group for record in seen.records]
    rows = sum(seen.rows for seen in group)
    kind = group[0].format
    layout = _layout_of(group[0])
    proposal = propose(records)
    files = tuple(seen.file for seen in group)
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


def _proposed(proposal: Proposal, seen: Look, files: tuple[str, ...], rows: int) -> str:
    about = name_of(files[0]) if len(files) == 1 else f"{name_of(files[0])} and {len(files) - 1} more"
    head: dict[str, Any] = {"source": _source(files[0]), "format": seen.format}
    head |= {"table": seen.table.model_dump(exclude_defaults=True, mode="json")} if seen.table else {}
    head |= {"record": seen.listed} if seen.listed else {}
    telling = [path for choice in proposal.choices for path in [choice.taken[0].path] if "." not in path]
    detect = list(dict.fromkeys(telling))[:_FIELDS_TO_DETECT]
    note = _note(rows, about) + (_NO_NAMES if seen.table is not None and not seen.table.columns else "")
    return as_yaml(proposal, head, note, detect if len(detect) >= FEW_FIELDS else ())


def _note(rows: int, named: str) -> str:
    return f"Proposed by `m5 sniff` from {rows:,} rows of {named}; look it through and change what is wrong."


def _source(path: str) -> str:
    """A name for a source, from that of its file."""
    stem = "".join(c if c.isascii() and c.isalnum() else "_" for c in name_of(path).split(".")[0]).strip("_")
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
    batches = (b for chunk in reader.chunks(folder, name_of(folder)) for b in reader.batches(chunk, mapping))
    records = [record for batch in batches for record in batch.records]
    proposal = propose(records)
    text = _shipped(layout) if layout else as_yaml(proposal, head, _note(len(records), name_of(folder)))
    return Sniffed((folder,), (), "folder", len(records), 0, _fields(proposal, records), layout, text)


def _same_parts(mapping: Mapping, parts: dict[str, Any]) -> bool:
    """Whether most endings of a known layout of folders are there."""
    known = mapping.parts
    assert known is not None
    endings = {known.text, *known.texts, *known.image, *known.video, *known.audio} - {None}
    media = (parts.get(kind, {}) for kind in ("texts", "image", "video", "audio"))
    here = {parts.get("text"), *(ending for kind in media for ending in kind)}
    return len(endings & here) >= _ENDINGS_DETECTED * len(endings)
