"""JSON Lines: one object a line; plain, compressed (.gz, .zst, .bz2) or in a .zip. Plain files are read in parallel."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import accumulate, compress
from pathlib import Path
from typing import IO, Any

import msgspec
import pyarrow as pa

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.row import Batch, Chunk, Row, readable, refuse_folder
from m5tools.vocabulary import RejectReason

CHUNK_BYTES = 16 << 20
BLOCK_BYTES = 4 << 20
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

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        with readable(chunk.name), ExitStack() as stack:
            for place, block in _blocks(_open(chunk, stack), chunk):
                lines = block.split(b"\n")
                starts = list(accumulate((len(line) + 1 for line in lines), initial=place))
                if place == 0:
                    lines[0] = lines[0].removeprefix(_BOM)
                texts = [line.strip() for line in lines]
                offsets = list(compress(starts, texts))
                yield self._batch(offsets, list(compress(texts, texts)))

    def _batch(self, offsets: list[int], lines: list[bytes]) -> Batch:
        try:
            values = list(map(self._decoder.decode, lines))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            values = [None]
        if {value.__class__ for value in values} == {dict} and max(map(len, lines)) <= LONGEST_ROW:
            return Batch(offsets, lines, values)
        batch = Batch()
        for offset, line in zip(offsets, lines, strict=True):
            batch.add(self._parse(offset, line))
        return batch

    def _parse(self, offset: int, text: bytes) -> Row:
        if len(text) > LONGEST_ROW:
            message = f"longer than {LONGEST_ROW:,} bytes"
            return Row(offset, text[:65_536], None, RejectReason.TOO_LONG, message)
        try:
            value: Any = self._decoder.decode(text)
        except UnicodeDecodeError as error:
            return Row(offset, text, None, RejectReason.NOT_UTF8, str(error))
        except (msgspec.DecodeError, RecursionError) as error:
            return Row(offset, text, None, RejectReason.NOT_PARSEABLE, str(error))
        if not isinstance(value, dict):
            return Row(offset, text, None, RejectReason.NOT_AN_OBJECT, f"a {type(value).__name__}, not an object")
        return Row(offset, text, value)


def _blocks(file: IO[bytes], chunk: Chunk) -> Iterator[tuple[int, bytes]]:
    """Place and bytes of whole lines, some megabytes at a time; of a line that is too long only its beginning."""
    place = chunk.start
    if place:
        place = _next_line(file, place, chunk.end)
    while chunk.end < 0 or place < chunk.end:
        block = file.read(BLOCK_BYTES if chunk.end < 0 else min(BLOCK_BYTES, chunk.end - place))
        if not block:
            return
        if not block.endswith(b"\n"):
            block += file.readline(LONGEST_ROW + 1)
        begin, place = place, place + len(block)
        if not block.endswith(b"\n"):
            place += _skip_line(file)
        yield begin, block


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


def _skip_line(file: IO[bytes]) -> int:
    """Read to the end of a line, of whatever length, and forget it; gives its bytes."""
    skipped = 0
    while part := file.readline(PIECE_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _open(chunk: Chunk, stack: ExitStack) -> IO[bytes]:
    if chunk.member is not None:
        archive = stack.enter_context(zipfile.ZipFile(chunk.path))
        return stack.enter_context(archive.open(chunk.member))
    if chunk.path.suffix in _COMPRESSED:
        stream = stack.enter_context(pa.input_stream(str(chunk.path), compression="detect"))
        return stack.enter_context(io.BufferedReader(stream))
    return stack.enter_context(chunk.path.open("rb"))


READER = JsonLines()
