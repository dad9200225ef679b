"""JSON Lines: one object a line; plain, compressed (.gz, .zst, .bz2) or in a .zip. Plain files are read in parallel."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.row import BATCH_ROWS, Batch, Chunk, Row, readable
from m5tools.vocabulary import RejectReason

CHUNK_BYTES = 16 << 20
BATCH_BYTES = 16 << 20
LONGEST_ROW = 32 << 20
_COMPRESSED = {".gz", ".zst", ".bz2"}
_BOM = b"\xef\xbb\xbf"


class JsonLines:
    """The reader."""

    def __init__(self, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._chunk_bytes = chunk_bytes
        self._decoder = msgspec.json.Decoder()

    def chunks(self, path: Path, name: str) -> list[Chunk]:
        if path.suffix == ".zip":
            with readable(name), zipfile.ZipFile(path) as archive:
                members = sorted(m.filename for m in archive.infolist() if not m.is_dir())
            if not members:
                raise UsageError(f"{name}: the archive holds no file; leave it out")
            return [Chunk(path, f"{name}/{member}", member=member) for member in members]
        if path.suffix in _COMPRESSED:
            return [Chunk(path, name)]
        size = path.stat().st_size
        starts = range(0, max(size, 1), self._chunk_bytes)
        return [Chunk(path, name, start, min(start + self._chunk_bytes, size)) for start in starts]

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        with readable(chunk.name), ExitStack() as stack:
            offsets: list[int] = []
            lines: list[bytes] = []
            refused: list[Row] = []
            waiting = 0
            for offset, line in _lines(_open(chunk, stack), chunk):
                if len(line) > LONGEST_ROW:
                    message = f"longer than {LONGEST_ROW:,} bytes"
                    refused.append(Row(offset, line[:65_536], None, RejectReason.TOO_LONG, message))
                    continue
                offsets.append(offset)
                lines.append(line)
                waiting += len(line)
                if len(lines) == BATCH_ROWS or waiting > BATCH_BYTES:
                    yield self._batch(offsets, lines, refused)
                    offsets, lines, refused, waiting = [], [], [], 0
            if lines or refused:
                yield self._batch(offsets, lines, refused)

    def _batch(self, offsets: list[int], lines: list[bytes], refused: list[Row]) -> Batch:
        try:
            values = list(map(self._decoder.decode, lines))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            values = [None]
        if {value.__class__ for value in values} == {dict}:
            return Batch(offsets, lines, values, refused)
        batch = Batch(refused=refused)
        for offset, line in zip(offsets, lines, strict=True):
            batch.add(self._parse(offset, line))
        return batch

    def _parse(self, offset: int, text: bytes) -> Row:
        try:
            value: Any = self._decoder.decode(text)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            return Row(offset, text, None, RejectReason.NOT_PARSEABLE, str(error))
        if not isinstance(value, dict):
            return Row(offset, text, None, RejectReason.NOT_AN_OBJECT, f"a {type(value).__name__}, not an object")
        return Row(offset, text, value)


def _lines(file: IO[bytes], chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    """Place and text of every line of a chunk that is not blank; of one that is too long only its beginning."""
    place = chunk.start
    if place:
        # The line that began before this chunk belongs to the one before.
        file.seek(place - 1)
        place += len(file.readline()) - 1
    while chunk.end < 0 or place < chunk.end:
        line = file.readline(LONGEST_ROW + 1)
        if not line:
            return
        begin, place = place, place + len(line)
        if len(line) > LONGEST_ROW:
            rest = line
            while not rest.endswith(b"\n") and (rest := file.readline(LONGEST_ROW)):
                place += len(rest)
            yield begin, line
            continue
        if begin == 0:
            line = line.removeprefix(_BOM)
        text = line.strip()
        if text:
            yield begin, text


def _open(chunk: Chunk, stack: ExitStack) -> IO[bytes]:
    if chunk.member is not None:
        archive = stack.enter_context(zipfile.ZipFile(chunk.path))
        return stack.enter_context(archive.open(chunk.member))
    if chunk.path.suffix in _COMPRESSED:
        stream = stack.enter_context(pa.input_stream(str(chunk.path), compression="detect"))
        return stack.enter_context(io.BufferedReader(stream))
    return stack.enter_context(chunk.path.open("rb"))


READER = JsonLines()
