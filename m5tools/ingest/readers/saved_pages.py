"""Saved product pages, whatever they were saved in: HTML files, folders of them, WARC, WACZ; told by suffix."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import html_page, warc
from m5tools.ingest.readers.locations import OUTSIDE, files_below, leads_out
from m5tools.ingest.readers.row import Batch, Chunk, Reader

SUFFIXES = html_page.SUFFIXES + warc.SUFFIXES


class SavedPages:
    """The reader. A folder gives its HTML pages as one input and each of its archives as another."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        folder = Path(path)
        if not folder.is_dir():
            return _reader_of(path, name).chunks(path, name)
        archives = [file for file in files_below(folder) if file.name.lower().endswith(warc.SUFFIXES)]
        if outside := next((p for p in archives if leads_out(p, folder)), None):
            raise UsageError(f"{name}: {OUTSIDE.format(outside.name)}")
        found = [c for p in archives for c in warc.READER.chunks(str(p), f"{name}/{p.relative_to(folder).as_posix()}")]
        if not found or html_page.pages_in(folder):
            found = [*html_page.READER.chunks(path, name), *found]
        return found

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        return _reader_of(chunk.path, chunk.name).batches(chunk, mapping)


def _reader_of(path: str, name: str) -> Reader:
    if Path(path).is_dir() or path.lower().endswith(html_page.SUFFIXES):
        return html_page.READER
    if path.lower().endswith(warc.SUFFIXES):
        return warc.READER
    raise UsageError(f"{name} is neither a saved page nor a web archive ({', '.join(SUFFIXES)})")


READER = SavedPages()
