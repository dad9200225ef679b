"""CSV, TSV and other delimited text: a line a row, the first full one names the columns.

- How the table is written is found out from the first bytes (see `csv_dialect`); the mapping's `table` says what cannot
  be. Lines above the names are rejects, and so is the line of names where it comes again.
- Quoting is RFC 4180: `"` around a field, doubled inside, or escaped by a backslash where the file does so throughout.
  A quoted field may hold line ends. Line ends are LF, CRLF or CR.
- Where the first row is one like the others, it is read as one, and the columns are `column_1`, `column_2` …
- A row that holds NUL is damaged: a reject.
- A row of another width is a reject (blank fields too many are not). A quote that takes in lines which are rows by
  themselves was never closed: the line it is in is the reject.
- A delimiter of several characters, as in Product1M's `id#####title#####…`, splits lines; nothing is quoted then.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO, Final, TextIO, cast

from m5tools.ingest.mapping import Mapping, TableLayout
from m5tools.ingest.readers.arrow_values import distinct_names
from m5tools.ingest.readers.csv_dialect import Cells, Dialect, dialect_of
from m5tools.ingest.readers.csv_lines import Lines
from m5tools.ingest.readers.encoding import NO_TEXT, Utf8
from m5tools.ingest.readers.opening import Source, head_of, opened, whole_files
from m5tools.ingest.readers.row import Chunk, Row, RowReader
from m5tools.vocabulary import RejectReason

LONGEST_FIELD = 32 << 20
# Encodings in which bytes of ASCII can be no text, and such bytes do not survive as surrogates: they are read as UTF-8.
_OF_OTHER_ASCII: Final = ("cp424", "hz", "iso2022", "utf-7")
_NUL: Final = "it holds NUL, which no text does"
_NEVER_CLOSED: Final = "a quote that is never closed"


class CsvTable(RowReader):
    """The reader. Rows are numbered from 0, the line of names not counted."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        return whole_files(path, name)

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        csv.field_size_limit(LONGEST_FIELD)
        dialect = dialect_of(head_of(chunk), mapping.table or TableLayout())
        # Bytes that are no text survive as lone surrogates; where units are no bytes one stands for what they were.
        errors = NO_TEXT if dialect.stored.startswith(("utf-16", "utf-32")) else "surrogateescape"
        with opened(chunk) as source:
            file, through = source.file, None
            if dialect.stored.startswith(_OF_OTHER_ASCII):
                file, through = cast(IO[bytes], io.BufferedReader(Utf8(file, dialect.encoding))), dialect.stored
                dialect = dialect._replace(encoding="utf-8", stored="utf-8")
            text = io.TextIOWrapper(file, dialect.encoding, errors, newline="")
            yield from _Table(text, source, dialect, through).rows()
            text.detach()


class _Table:
    """The rows of one file; `through` is its encoding where it is read as UTF-8."""

    def __init__(self, text: TextIO, source: Source, dialect: Dialect, through: str | None) -> None:
        self._lines = Lines(text, dialect.stored)
        self._source = source
        self._dialect = dialect
        self._through = through
        self._names = [_text(name) for name in dialect.names]
        self._header: Cells | None = None  # the line of names, as it stands
        self._padding = dialect.padding
        self._number = 0

    def rows(self) -> Iterator[Row]:
        lines = self._lines
        reader = self._dialect.cells(iter(lines))
        while True:
            lines.begin_row()
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as error:
                cells, message = [], str(error)
                reader = self._dialect.cells(iter(lines))
            else:
                message = self._ending()
            if message and lines.give_back(self._is_row):
                reader, message = self._dialect.cells(iter(lines)), _NEVER_CLOSED
            if not message and not cells:
                if not lines.damaged:
                    continue
                message = _NUL
            row = self._row(cells, message)
            if row is None:
                continue
            if row.reason is RejectReason.WRONG_FIELD_COUNT and lines.give_back(self._is_row):
                reader = self._dialect.cells(iter(lines))
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

    def _row(self, cells: Cells, message: str) -> Row | None:
        """A row; None for the one that names the columns."""
        raw, is_text = self._lines.raw()
        if message:
            return Row(self._number, raw, None, RejectReason.NOT_PARSEABLE, message)
        if self._padding:
            self._padding -= 1
            return Row(self._number, raw, None, RejectReason.WRONG_FIELD_COUNT, "above the line of column names")
        if not self._names:
            self._header = cells
            self._names = distinct_names([_text(name).strip() for name in cells])
            return None
        if cells == self._header and len(cells) > 1:
            return Row(self._number, raw, None, RejectReason.NOT_A_PRODUCT, "the line of column names again")
        if self._lines.damaged:
            return Row(self._number, raw, None, RejectReason.NOT_PARSEABLE, _NUL)
        wide = len(self._names)
        if len(cells) > wide and not any(cells[wide:]):
            cells = cells[:wide]
        if len(cells) != wide:
            message = f"{len(cells)} fields where the header has {wide}"
            return Row(self._number, raw, None, RejectReason.WRONG_FIELD_COUNT, message)
        if not is_text:
            message = f"bytes that are not {self._through or self._dialect.stored}"
            return Row(self._number, raw, None, RejectReason.NOT_UTF8, message)
        return Row(self._number, raw, dict(zip(self._names, cells, strict=True)))

    def _is_row(self, line: str) -> bool:
        """Whether a line is a whole row by itself."""
        if self._dialect.quotes_in(line) % 2:
            return False
        try:
            found = list(self._dialect.cells(iter([line])))
        except csv.Error:
            return False
        return len(found) == 1 and len(found[0]) == len(self._names) > 1


def _text(name: str) -> str:
    """A column's name with the bytes in it that are no text replaced: it becomes the name of a raw field."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


READER = CsvTable()
