"""The first rows of a file, read as it seems to be written."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from m5tools.errors import UsageError
from m5tools.ingest.delivered import Record, is_writable
from m5tools.ingest.guess.listed import listing, listing_of_lines
from m5tools.ingest.guess.tables import marked_layout
from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.readers import READERS, locations, saved_pages
from m5tools.ingest.readers.csv_dialect import dialect_of
from m5tools.ingest.readers.detect import telling
from m5tools.ingest.readers.encoding import narrowed
from m5tools.ingest.readers.json_lines import holds_json_lines

ROWS: Final = 500
# In a folder, files of these names are looked into.
RECORD_SUFFIXES: Final = frozenset(
    {".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".xml", ".rss", ".atom", ".parquet", ".gz", ".zst", ".bz2", ".xz",
     ".zip"}
)  # fmt: skip
_LINES_LOOKED_AT: Final = 8


@dataclass(frozen=True)
class Look:
    """The first rows of one file.

    Attributes:
        file: the file.
        format: the reader that fits.
        table: what its mapping must say of how a table is written.
        listed: the member that lists the records.
        rows: rows looked at.
        records: those that could be parsed.
    """

    file: str
    format: str
    table: TableLayout | None
    listed: str | None
    rows: int
    records: list[Record]

    @property
    def names(self) -> frozenset[str]:
        return frozenset(name for record in self.records for name in record)


def named(names: list[str]) -> tuple[list[str], list[str]]:
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


def look(file: str) -> Look | None:
    name = name_of(file)
    kind, head = ("pages", b"") if name.lower().endswith(saved_pages.SUFFIXES) else telling(file, name)
    if kind is None:
        return None
    table = _table(head) if kind == "csv" else None
    one_object = kind == "json" or (kind == "json_lines" and not holds_json_lines(head))
    listed = None
    if kind in ("json", "json_lines"):
        text = narrowed(io.BytesIO(head), head).read()
        listed = listing(text) if one_object else listing_of_lines(text.splitlines()[:_LINES_LOOKED_AT])
    kind = "json" if listed and one_object else kind
    any_mapping = Mapping.model_validate({"source": "-", "format": kind, "table": table or {}, "record": listed})
    reader, rows = READERS[kind], 0
    records: list[Record] = []
    for chunk in reader.chunks(file, name):
        for batch in reader.batches(chunk, any_mapping):
            rows += len(batch)
            records += filter(is_writable, batch.records)  # ingest refuses the others
            if rows >= ROWS:
                return Look(file, kind, table, listed, rows, records)
    return Look(file, kind, table, listed, rows, records)


def _table(head: bytes) -> TableLayout | None:
    """How a table is written, where its mapping must say so."""
    marked = marked_layout(head)
    if marked is not None:
        return marked
    has_names = not dialect_of(head, TableLayout()).names
    return None if has_names else TableLayout(header=False)


def name_of(path: str) -> str:
    """The last step of a path or URI."""
    return path.rstrip("/").rpartition("/")[2] or path
