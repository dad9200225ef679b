"""One file a format. A reader cuts an input into chunks and gives the rows of a chunk, good and bad alike."""

from __future__ import annotations

from m5tools.ingest.readers import csv_table, folder, json_document, json_lines, parquet_table, xml_feed
from m5tools.ingest.readers.row import Batch, Chunk, Reader, Row

READERS: dict[str, Reader] = {
    "json_lines": json_lines.READER,
    "json": json_document.READER,
    "csv": csv_table.READER,
    "parquet": parquet_table.READER,
    "xml": xml_feed.READER,
    "folder": folder.READER,
}

__all__ = ["READERS", "Batch", "Chunk", "Reader", "Row"]
