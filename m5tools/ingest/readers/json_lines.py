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
from m5tools.ingest.readers.row import Chunk, Row, readable, refuse_folder
from m5tools.vocabulary import RejectReason

CHUNK_BYTES = 64 << 20
LONGEST_ROW = 32 << 20
PIECE_BYTES = 1 << 20
_COMPRESSED = {".gz", ".zst", ".bz2"}
_ENCRYPTED = 1
_BOM = b"\xef\xbb\xbf"


class JsonLines:
    """The reader."""

    def __init__(self, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._chunk_bytes = chunk_bytes
        self._decoder = msgspec.json.Decoder()

    def chunks(self, path: Path, name: str) -> list[Chunk]:
        refuse_folder(path)
        if path.suffix == ".zip":
            with readable(name), zipfile.ZipFile(path) as archive:
                files = [m for m in archive.infolist() if not m.is_dir()]
            members = sorted(m.filename for m in files)
            if not members:
                raise UsageError(f"{name}: the archive holds no file; leave it out")
            if len(set(members)) < len(members):
                raise UsageError(f"{name}: the archive holds two files of one name; unpack it and rename one")
            if any(m.flag_bits & _ENCRYPTED for m in files):
                raise UsageError(f"{name}: the archive is encrypted; unpack it")
            return [Chunk(path, f"{name}/{member}", member=member) for member in members]
        if path.suffix in _COMPRESSED:
            return [Chunk(path, name)]
        size = path.stat().st_size
        starts = range(0, max(size, 1), self._chunk_bytes)
        return [Chunk(path, name, start, min(start + self._chunk_bytes, size)) for start in starts]

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        with readable(chunk.name), ExitStack() as stack:
            file = _open(chunk, stack)
            place = chunk.start
            if place:
                place = _next_line(file, place, chunk.end)
            while chunk.end < 0 or place < chunk.end:
                line = file.readline(LONGEST_ROW + 1)
                if not line:
                    return
                begin, place = place, place + len(line)
                if len(line) > LONGEST_ROW:
                    while not line.endswith(b"\n") and (rest := file.readline(LONGEST_ROW)):
                        place += len(rest)
                        if rest.endswith(b"\n"):
                            break
                    message = f"longer than {LONGEST_ROW:,} bytes"
                    yield Row(begin, line[:65_536], None, RejectReason.TOO_LONG, message)
                    continue
                if begin == 0:
                    line = line.removeprefix(_BOM)
                text = line.strip()
                if text:
                    yield self._parse(begin, text)

    def _parse(self, offset: int, text: bytes) -> Row:
        try:
            value: Any = self._decoder.decode(text)
        except UnicodeDecodeError as error:
            return Row(offset, text, None, RejectReason.NOT_UTF8, str(error))
        except (msgspec.DecodeError, RecursionError) as error:
            return Row(offset, text, None, RejectReason.NOT_PARSEABLE, str(error))
        if not isinstance(value, dict):
            return Row(offset, text, None, RejectReason.NOT_AN_OBJECT, f"a {type(value).__name__}, not an object")
        return Row(offset, text, value)


def _next_line(file: IO[bytes], start: int, end: int) -> int:
    """Go to the first line that begins at `start` or behind; the one that began before belongs to the chunk before.

    Read piece by piece and not beyond `end`: a whole file of one line must not be taken into memory once a chunk.
    """
    place = start - 1
    file.seek(place)
    while place < end:
        piece = file.readline(min(PIECE_BYTES, end - place))
        place += len(piece)
        if not piece or piece.endswith(b"\n"):
            break
    return place


def _open(chunk: Chunk, stack: ExitStack) -> IO[bytes]:
    if chunk.member is not None:
        archive = stack.enter_context(zipfile.ZipFile(chunk.path))
        return stack.enter_context(archive.open(chunk.member))
    if chunk.path.suffix in _COMPRESSED:
        stream = stack.enter_context(pa.input_stream(str(chunk.path), compression="detect"))
        return stack.enter_context(io.BufferedReader(stream))
    return stack.enter_context(chunk.path.open("rb"))


READER = JsonLines()
