"""What is in a file: its format, the known layout it fits, and how well each field is filled."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from m5tools.errors import UsageError
from m5tools.ingest import mapping as mappings
from m5tools.ingest.extract import Record, text_of
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import READERS
from m5tools.ingest.readers.detect import format_of

ROWS = 500


@dataclass(frozen=True)
class Sniffed:
    """What was found.

    Attributes:
        format: the reader that fits.
        rows: rows looked at.
        bad: rows among them that could not be parsed.
        fields: field → (share of rows in which it is filled, an example).
        layout: name of the known mapping that fits, or None.
    """

    format: str
    rows: int
    bad: int
    fields: dict[str, tuple[float, str]]
    layout: str | None


def sniff(path: Path) -> Sniffed:
    """Look at the first rows of a file.

    Raises:
        UsageError: there is no such file, or nothing in it that is known.
    """
    if not path.exists():
        raise UsageError(f"no file {path}")
    if path.is_dir():
        stems = {p.suffix for p in path.rglob("*") if p.is_file()}
        fitting = [n for n, m in mappings.known().items() if m.parts is not None and set(m.parts.image) & stems]
        return Sniffed("folder", 0, 0, {}, fitting[0] if fitting else None)
    kind = format_of(str(path), path.name)
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
    return Sniffed(kind, rows, bad, fields, _layout(kind, set(names)))


def _layout(kind: str, names: set[str]) -> str | None:
    """The known mapping most of whose telling fields are there (at least four fifths of them)."""
    best: tuple[float, str] | None = None
    for name, mapping in mappings.known().items():
        if mapping.format == kind and mapping.detect:
            share = len(names & set(mapping.detect)) / len(mapping.detect)
            if share >= 0.8 and (best is None or share > best[0]):
                best = (share, name)
    return best[1] if best else None
