"""CSV and TSV: encoding, byte-order mark and delimiter are found out; a ragged row is one reject, the rest stand."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.row import Chunk, Row, RowReader, readable
from m5tools.vocabulary import RejectReason

DELIMITERS = ",;\t|#"
LONGEST_FIELD = 32 << 20
_SAMPLE = 1 << 20


class CsvTable(RowReader):
    """The reader. Rows are numbered from 0, the header not counted."""

    def chunks(self, path: Path, name: str) -> list[Chunk]:
        return [Chunk(path, name)]

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        csv.field_size_limit(LONGEST_FIELD)
        with readable(chunk.name):
            encoding = encoding_of(chunk.path)
            # Bytes that are no text survive as lone surrogates; UTF-16, whose units are no bytes, has no such way.
            errors = "replace" if encoding == "utf-16" else "surrogateescape"
            with chunk.path.open(encoding=encoding, errors=errors, newline="") as file:
                yield from _rows(file, encoding)


def encoding_of(path: Path) -> str:
    """UTF-8 (with or without a byte-order mark), UTF-16 by its mark, else Windows-1252."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        # A character cut by the end of the sample is no evidence against UTF-8.
        if len(head) < _SAMPLE or error.start < len(head) - 3:
            return "cp1252"
    return "utf-8-sig"


def delimiter_of(header: str) -> str:
    """The delimiter that occurs most often outside quotes in the header line."""
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _rows(file: TextIO, encoding: str) -> Iterator[Row]:
    delimiter = delimiter_of(file.readline())
    file.seek(0)
    lines = _Lines(file, "utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig"))
    reader = csv.reader(lines, delimiter=delimiter)
    names: list[str] | None = None
    number = 0
    while True:
        lines.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(number, lines.raw()[0], None, RejectReason.NOT_PARSEABLE, str(error))
            number += 1
            continue
        if not cells:
            continue
        if names is None:
            names = [_text(name).strip() for name in cells]
            continue
        if lines.ended:
            message = f"a quote that is never closed takes in {len(lines.taken)} lines, to the end of the file"
            yield Row(number, lines.raw()[0], None, RejectReason.NOT_PARSEABLE, message)
            return
        yield _row(number, cells, names, *lines.raw(), encoding)
        number += 1


def _row(number: int, cells: list[str], names: list[str], raw: bytes, is_text: bool, encoding: str) -> Row:
    if len(cells) != len(names):
        message = f"{len(cells)} fields where the header has {len(names)}"
        return Row(number, raw, None, RejectReason.WRONG_FIELD_COUNT, message)
    if not is_text:
        return Row(number, raw, None, RejectReason.NOT_UTF8, f"bytes that are not {encoding}")
    return Row(number, raw, dict(zip(names, cells, strict=True)))


def _text(name: str) -> str:
    """A column's name with the bytes in it that are no text replaced: it becomes the name of a raw field."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class _Lines:
    """The lines of a file, those remembered that the row at hand was read from.

    Args:
        file: opened with `newline=""`.
        encoding: in which the remembered lines become bytes again.

    Attributes:
        taken: the remembered lines.
        ended: whether a line was asked for where there was none; a row that is given then was cut off.
    """

    def __init__(self, file: TextIO, encoding: str) -> None:
        self._file = file
        self._encoding = encoding
        self.taken: list[str] = []
        self.ended = False

    def __iter__(self) -> Iterator[str]:
        for line in self._file:
            self.taken.append(line)
            yield line.replace("\0", "")  # the csv module of Python 3.11 refuses NUL; it carries nothing
        self.ended = True

    def raw(self) -> tuple[bytes, bool]:
        """The bytes of the remembered lines without the last line end, and whether all of them are text."""
        text = "".join(self.taken).rstrip("\r\n")
        try:
            return text.encode(self._encoding), True
        except UnicodeEncodeError:
            return text.encode(self._encoding, "surrogateescape"), False


READER = CsvTable()
