"""What tests of readers share."""

from __future__ import annotations

from pathlib import Path

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import Reader, Row

MAPPING = Mapping(source="test", format="json_lines")


def read(reader: Reader, path: Path | str, mapping: Mapping = MAPPING) -> list[Row]:
    """The rows of an input, good and bad, chunk by chunk in the order of their place."""
    rows: list[Row] = []
    for chunk in reader.chunks(str(path), Path(path).name):
        found: list[Row] = []
        for batch in reader.batches(chunk, mapping):
            found += [*batch.refused, *map(Row, batch.offsets, batch.raws, batch.records)]
        rows += sorted(found, key=lambda row: row.offset)
    return rows


def records(rows: list[Row]) -> list[object]:
    """The records among rows."""
    return [row.record for row in rows if row.reason is None]
