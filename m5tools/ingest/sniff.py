"""What is in a file: its format, the known layout it fits, and how well each field is filled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m5tools.errors import UsageError
from m5tools.ingest import mapping as mappings
from m5tools.ingest.extract import Record, text_of
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS, saved_pages
from m5tools.ingest.readers.detect import format_of

ROWS = 500
_RECORDS = {".csv", ".tsv", ".jsonl", ".ndjson", ".json"}


@dataclass(frozen=True)
class Sniffed:
    """What was found.

    Attributes:
        format: the reader that fits.
        rows: rows looked at.
        bad: rows among them that could not be parsed.
        fields: field → (share of rows in which it is filled, an example).
        layout: name of the known mapping that fits, or None.
        nearest: name of the known mapping that shares most fields, where none fits.
        files: of a folder: files in it that can be looked at by themselves.
    """

    format: str
    rows: int
    bad: int
    fields: dict[str, tuple[float, str]]
    layout: str | None
    nearest: str | None = None
    files: tuple[Path, ...] = ()


def sniff(path: Path) -> Sniffed:
    """Look at the first rows of a file.

    Raises:
        UsageError: there is no such file, or nothing in it that is known.
    """
    if not path.exists():
        raise UsageError(f"no file {path}")
    if path.is_dir():
        inside = tuple(p for p in sorted(path.iterdir()) if p.is_file() and _holds_records(p))
        if inside:
            return Sniffed("folder", 0, 0, {}, None, files=inside)
        stems = {p.suffix for p in path.rglob("*") if p.is_file()}
        fitting = [n for n, m in mappings.known().items() if m.parts is not None and set(m.parts.image) & stems]
        return Sniffed("folder", 0, 0, {}, fitting[0] if fitting else None)
    kind = "pages" if path.name.lower().endswith(saved_pages.SUFFIXES) else format_of(str(path), path.name)
    if kind is None:
        raise UsageError(f"{path.name}: no format that is known ({', '.join(READERS)})")
    reader = READERS[kind]
    any_mapping = Mapping.model_validate({"source": "-", "format": kind})
    rows = bad = 0
    records: list[Record] = []
    for batch in reader.batches(reader.chunks(str(path), path.name)[0], any_mapping):
        rows, bad = rows + len(batch), bad + len(batch.refused)
        records += batch.records
        if rows >= ROWS:
            break
    names = list(dict.fromkeys(name for record in records for name in record))
    fields = {}
    for name in names:
        texts = [text for record in records if (text := text_of(record.get(name))) is not None]
        fields[name] = (len(texts) / max(1, len(records)), texts[0] if texts else "")
    layout = _layout(kind, set(names), at_least=0.8)
    nearest = None if layout else _layout(kind, set(names), at_least=0.5)
    return Sniffed(kind, rows, bad, fields, layout, nearest)


def _holds_records(file: Path) -> bool:
    return not _RECORDS.isdisjoint(suffix.lower() for suffix in file.suffixes)


def _layout(kind: str, names: set[str], at_least: float) -> str | None:
    """The known mapping most of whose telling fields are there (at least this share of them)."""
    best: tuple[float, str] | None = None
    for name, mapping in mappings.known().items():
        if mapping.format == kind and mapping.detect:
            share = len(names & set(mapping.detect)) / len(mapping.detect)
            if share >= at_least and (best is None or share > best[0]):
                best = (share, name)
    return best[1] if best else None
