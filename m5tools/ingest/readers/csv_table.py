"""CSV, TSV and other delimited text: a line a row, the first full one names the columns.

- Encoding (see `encoding`), delimiter (`,` `;` tab `|` `#`) and the line of names are found out from the first bytes;
  the mapping's `table` says what cannot be. Lines above the names that are at most half as wide are no table:
  rejects.
- Quoting is RFC 4180: `"` around a field, doubled inside; a quoted field may hold line ends. Line ends are LF, CRLF
  or CR.
- A row of another width is a reject (blank fields too many are not). A quote that takes in lines which are rows by
  themselves was never closed: the line it is in is the reject.
- A delimiter of several characters, as in Product1M's `id#####title#####…`, splits lines; nothing is quoted then.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple, TextIO

from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.readers.arrow_values import distinct_names
from m5tools.ingest.readers.csv_lines import Lines
from m5tools.ingest.readers.encoding import encoding_of
from m5tools.ingest.readers.opening import HEAD_BYTES, Source, head_of, opened, whole_files
from m5tools.ingest.readers.row import Chunk, Row, RowReader
from m5tools.vocabulary import RejectReason

DELIMITERS: Final = ",;\t|#"
LONGEST_FIELD = 32 << 20
_SAMPLE_LINES: Final = 100
_NEVER_CLOSED: Final = "a quote that is never closed"
_Cells = list[str]


class Dialect(NamedTuple):
    """How a table is written.

    Attributes:
        encoding: of the text.
        stored: the same, without byte-order mark: how a row's bytes are.
        delimiter: between fields.
        names: of the columns, where no line holds them.
        padding: lines above the line of names.
    """

    encoding: str
    stored: str
    delimiter: str
    names: tuple[str, ...]
    padding: int


class CsvTable(RowReader):
    """The reader. Rows are numbered from 0, the line of names not counted."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        return whole_files(path, name)

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        csv.field_size_limit(LONGEST_FIELD)
        dialect = dialect_of(head_of(chunk), mapping)
        # Bytes that are no text survive as lone surrogates; UTF-16, whose units are no bytes, has no such way.
        errors = "replace" if dialect.stored.startswith("utf-16") else "surrogateescape"
        with opened(chunk) as source:
            text = io.TextIOWrapper(source.file, dialect.encoding, errors, newline="")
            yield from _Table(text, source, dialect).rows()
            text.detach()


def dialect_of(head: bytes, mapping: Mapping) -> Dialect:
    """How a table is written, from its first bytes and what its mapping says."""
    layout = mapping.table or TableLayout()
    encoding = layout.encoding or encoding_of(head, whole=len(head) < HEAD_BYTES)
    stored = encoding.removesuffix("-sig").removesuffix("_sig")
    if encoding == "utf-16":
        stored = "utf-16-be" if head.startswith(codecs.BOM_UTF16_BE) else "utf-16-le"
    text = io.StringIO(head.decode(encoding, "replace").replace("\0", ""), newline="")
    lines = list(islice(text, _SAMPLE_LINES))
    delimiter = layout.delimiter or delimiter_of(lines)
    padding = 0 if layout.columns else _padding(lines, delimiter)
    return Dialect(encoding, stored, delimiter, layout.columns, padding)


def delimiter_of(lines: list[str]) -> str:
    """The delimiter that, outside quotes, is there equally often in most lines."""

    def evenness(delimiter: str) -> tuple[int, int]:
        counts = Counter(count for line in lines if (count := "".join(line.split('"')[::2]).count(delimiter)))
        count, support = max(counts.items(), key=lambda item: (item[1], item[0]), default=(0, 0))
        return support, count

    return max(DELIMITERS, key=evenness)


def _padding(lines: list[str], delimiter: str) -> int:
    """How many lines above the line of names are no more than half as full as most rows are wide."""
    try:
        rows = [cells for cells in _cells(iter(lines), delimiter) if cells][:-1] or [[]]
    except csv.Error:
        return 0
    width = Counter(len(cells) for cells in rows).most_common(1)[0][0]
    for number, cells in enumerate(rows):
        if 2 * sum(not cell.isspace() and cell != "" for cell in cells) > width:
            return number
    return 0


def _cells(lines: Iterator[str], delimiter: str) -> Iterator[_Cells]:
    if len(delimiter) == 1:
        return csv.reader(lines, delimiter=delimiter)
    return (line.rstrip("\r\n").split(delimiter) if line.strip() else [] for line in lines)


class _Table:
    """The rows of one file."""

    def __init__(self, text: TextIO, source: Source, dialect: Dialect) -> None:
        self._lines = Lines(text, dialect.stored)
        self._source = source
        self._dialect = dialect
        self._names = [_text(name) for name in dialect.names]
        self._padding = dialect.padding
        self._number = 0

    def rows(self) -> Iterator[Row]:
        lines = self._lines
        reader = _cells(iter(lines), self._dialect.delimiter)
        while True:
            lines.taken.clear()
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                cells, message = [], str(error)
                reader = _cells(iter(lines), self._dialect.delimiter)
            else:
                message = self._ending()
            if message and lines.give_back(self._is_row):
                reader, message = _cells(iter(lines), self._dialect.delimiter), _NEVER_CLOSED
            if not message and not cells:
                continue
            row = self._row(cells, message)
            if row is None:
                continue
            if row.reason is RejectReason.WRONG_FIELD_COUNT and lines.give_back(self._is_row):
                reader = _cells(iter(lines), self._dialect.delimiter)
                row = row._replace(raw=lines.raw()[0], message=_NEVER_CLOSED)
            self._number += 1
            yield row
        if self._source.damage is not None:
            yield Row(self._number, b"", None, RejectReason.NOT_PARSEABLE, self._source.damage)

    def _ending(self) -> str:
        """What is wrong with a row at the end of the file, if anything."""
        lines = self._lines
        if lines.ended:
            return f"{_NEVER_CLOSED} takes in {len(lines.taken)} lines, to the end of the file"
        if self._source.damage is not None and lines.taken and not lines.taken[-1].endswith(("\n", "\r")):
            return "cut off, for the file is damaged"
        return ""

    def _row(self, cells: _Cells, message: str) -> Row | None:
        """A row; None for the one that names the columns."""
        raw, is_text = self._lines.raw()
        if message:
            return Row(self._number, raw, None, RejectReason.NOT_PARSEABLE, message)
        if self._padding:
            self._padding -= 1
            return Row(self._number, raw, None, RejectReason.WRONG_FIELD_COUNT, "above the line of column names")
        if not self._names:
            self._names = distinct_names([_text(name).strip() for name in cells])
            return None
        wide = len(self._names)
        if len(cells) > wide and not any(cells[wide:]):
            cells = cells[:wide]
        if len(cells) != wide:
            message = f"{len(cells)} fields where the header has {wide}"
            return Row(self._number, raw, None, RejectReason.WRONG_FIELD_COUNT, message)
        if not is_text:
            message = f"bytes that are not {self._dialect.stored}"
            return Row(self._number, raw, None, RejectReason.NOT_UTF8, message)
        return Row(self._number, raw, dict(zip(self._names, cells, strict=True)))

    def _is_row(self, line: str) -> bool:
        """Whether a line is a whole row by itself."""
        if line.count('"') % 2:
            return False
        try:
            found = list(_cells(iter([line]), self._dialect.delimiter))
        except csv.Error:
            return False
        return len(found) == 1 and len(found[0]) == len(self._names) > 1


def _text(name: str) -> str:
    """A column's name with the bytes in it that are no text replaced: it becomes the name of a raw field."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


READER = CsvTable()
