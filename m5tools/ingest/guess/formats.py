"""The format of a file, as far as its name and its first bytes tell."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from m5tools.ingest.readers import READERS

_BY_SUFFIX: Final = {
    ".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "json_lines", ".ndjson": "json_lines", ".json": "json",
    ".xml": "xml", ".rss": "xml", ".atom": "xml", ".parquet": "parquet",
}  # fmt: skip
_PACKED: Final = (".gz", ".zst", ".bz2", ".zip")
# In a folder, files of these names are looked into.
RECORD_SUFFIXES: Final = frozenset({*_BY_SUFFIX, *_PACKED} - {".txt"})


def format_of(file: Path) -> str | None:
    """The reader that fits; None where none does."""
    suffixes = [s.lower() for s in file.suffixes if s.lower() not in _PACKED]
    kind = _BY_SUFFIX.get(suffixes[-1] if suffixes else "", "json_lines")
    return kind if kind in READERS else "json_lines" if kind == "json" else None
