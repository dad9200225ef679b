"""What tests of readers share."""

from __future__ import annotations

from pathlib import Path

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import Reader, Row

MAPPING = Mapping(source="test", format="json_lines")


def read(reader: Reader, path: Path | str, mapping: Mapping = MAPPING) -> list[Row]:
    """The rows of a file, good and bad, in the order of their place."""
    rows: list[Row] = []
    for batch in (b for chunk in reader.chunks(str(path), Path(path).name) for b in reader.batches(chunk, mapping)):
        rows += batch.refused
        rows += map(Row, batch.offsets, batch.raws, batch.records)
    return sorted(rows, key=lambda row: row.offset)


def records(rows: list[Row]) -> list[object]:
    """The records among rows."""
    return [row.record for row in rows if row.reason is None]
