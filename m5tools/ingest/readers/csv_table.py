"""CSV and TSV: encoding, byte-order mark and delimiter are found out; a ragged row is one reject, the rest stand."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.row import Chunk, Row
from m5tools.vocabulary import RejectReason

DELIMITERS = ",;\t|"
LONGEST_FIELD = 32 << 20
_SAMPLE = 1 << 20


class CsvTable:
    """The reader. Rows are numbered from 0, the header not counted."""

    def chunks(self, path: Path, name: str) -> list[Chunk]:
        return [Chunk(path, name)]

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        csv.field_size_limit(LONGEST_FIELD)
        encoding = encoding_of(chunk.path)
        with chunk.path.open(encoding=encoding, errors="surrogateescape", newline="") as file:
            delimiter = delimiter_of(file.readline())
            file.seek(0)
            reader = csv.reader(_without_nul(file), delimiter=delimiter)
            header = next(reader, None)
            if header is None:
                return
            names = [name.strip() for name in header]
            number = -1
            while True:
                number += 1
                try:
                    cells = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    yield Row(number, b"", None, RejectReason.NOT_PARSEABLE, str(error))
                    continue
                if not cells:
                    number -= 1
                    continue
                yield _row(number, cells, names, delimiter, encoding)


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
        if error.start < len(head) - 4:
            return "cp1252"
    return "utf-8-sig"


def delimiter_of(header: str) -> str:
    """The delimiter that occurs most often outside quotes in the header line."""
    outside = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=outside.count)


def _row(number: int, cells: list[str], names: list[str], delimiter: str, encoding: str) -> Row:
    raw = delimiter.join(cells).encode(encoding.removesuffix("-sig"), "surrogateescape")
    if len(cells) != len(names):
        message = f"{len(cells)} fields where the header has {len(names)}"
        return Row(number, raw, None, RejectReason.WRONG_FIELD_COUNT, message)
    if any("\udc80" <= char <= "\udcff" for cell in cells for char in cell if char >= "\ud800"):
        return Row(number, raw, None, RejectReason.NOT_UTF8, f"bytes that are not {encoding}")
    return Row(number, raw, dict(zip(names, cells, strict=True)))


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    """The csv module of Python 3.11 refuses NUL characters; they carry nothing."""
    return (line.replace("\0", "") for line in lines)


READER = CsvTable()
