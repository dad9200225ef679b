"""What a reader gives, row by row."""

from __future__ import annotations

from pathlib import Path

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import Reader, Row


def rows_of(reader: Reader, path: Path, mapping: Mapping) -> list[Row]:
    """The rows of an input, chunk by chunk in the order of their place."""
    rows: list[Row] = []
    for chunk in reader.chunks(path, path.name):
        found: list[Row] = []
        for batch in reader.batches(chunk, mapping):
            found += [*batch.refused, *map(Row, batch.offsets, batch.raws, batch.records)]
        rows += sorted(found, key=lambda row: row.offset)
    return rows
