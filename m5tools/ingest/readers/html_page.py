"""Saved HTML pages, one product a page: single files, plain or gzipped, or a folder of them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.locations import OUTSIDE, files_below, leads_out
from m5tools.ingest.readers.page_row import LONGEST_PAGE, page_row
from m5tools.ingest.readers.row import Chunk, Row, RowReader, readable
from m5tools.vocabulary import RejectReason

SUFFIXES = (".html", ".htm", ".xhtml", ".html.gz", ".htm.gz", ".xhtml.gz")
PAGES_A_CHUNK = 500
MOST_CHUNKS = 256


class HtmlPage(RowReader):
    """The reader. Of a folder, chunks are ranges of its pages by name; the row's place is the number of the page."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        if not Path(path).is_dir():
            return [Chunk(path, name)]
        count = len(pages_in(Path(path)))
        if count == 0:
            raise UsageError(f"{name} holds no saved page ({', '.join(SUFFIXES)})")
        size = max(PAGES_A_CHUNK, -(-count // MOST_CHUNKS))
        return [Chunk(path, name, start, min(start + size, count)) for start in range(0, count, size)]

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        path = Path(chunk.path)
        if not path.is_dir():
            with readable(chunk.name):
                path.stat()
            yield self._row(0, path)
            return
        for number, page in enumerate(pages_in(path)[chunk.start : chunk.end], chunk.start):
            if leads_out(page, path):
                yield Row(number, b"", None, RejectReason.NOT_PARSEABLE, OUTSIDE.format(page.name))
                continue
            row = self._row(number, page)
            if row.record is not None:
                row.record["file"] = page.relative_to(path).as_posix()
            yield row

    def _row(self, number: int, page: Path) -> Row:
        try:
            if page.suffix == ".gz":
                with gzip.open(page) as compressed:
                    data = compressed.read(LONGEST_PAGE + 1)
            else:
                with page.open("rb") as file:
                    data = file.read(LONGEST_PAGE + 1)
        except (OSError, EOFError, zlib.error) as error:
            return Row(number, b"", None, RejectReason.NOT_PARSEABLE, f"{page.name} cannot be read: {error}")
        return page_row(number, data)


def pages_in(folder: Path) -> list[Path]:
    """The saved pages below a folder, by name."""
    return [file for file in files_below(folder) if file.name.lower().endswith(SUFFIXES)]


READER = HtmlPage()
