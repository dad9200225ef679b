"""JSON Lines: one object a line, blank lines ignored; UTF-8, or UTF-16/32. Plain files are read in parallel.

NaN and Infinity, which Python writes, are null. JSON text sequences (RFC 7464) are lines that begin with U+001E. Where
the mapping names a `record`, each line is an answer of a shop's interface, and the records are what that member of it,
or of an object inside it, lists.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, compress
from typing import IO

import msgspec

from m5tools.ingest.delivered import along
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.encoding import is_wide, narrowed
from m5tools.ingest.readers.json_value import value_of
from m5tools.ingest.readers.locations import size_of
from m5tools.ingest.readers.opening import head_of, is_plain, opened, whole_files
from m5tools.ingest.readers.row import Batch, Chunk, Row
from m5tools.vocabulary import RejectReason

CHUNK_BYTES = 16 << 20
BLOCK_BYTES = 8 << 20
LONGEST_ROW = 32 << 20
PIECE_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_AROUND = b" \t\n\r\x0b\f\x1e"


class JsonLines:
    """The reader."""

    def __init__(self, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._chunk_bytes = chunk_bytes
        self._decoder = msgspec.json.Decoder()

    def chunks(self, path: str, name: str) -> list[Chunk]:
        whole = whole_files(path, name)
        if whole[0].member is not None or not is_plain(path, name) or is_wide(head_of(whole[0])):
            return whole
        size = size_of(path)
        starts = range(0, max(size, 1), self._chunk_bytes)
        return [Chunk(path, name, start, min(start + self._chunk_bytes, size)) for start in starts]

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        head = head_of(chunk)
        with opened(chunk) as source:
            place = chunk.start
            for place, block in _blocks(narrowed(source.file, head), chunk):
                lines = block.split(b"\n")
                starts = list(accumulate(map(len, lines), lambda start, length: start + length + 1, initial=place))
                if place == 0:
                    lines[0] = lines[0].removeprefix(_BOM)
                texts = [line.strip(_AROUND) for line in lines]
                offsets = list(compress(starts, texts))
                batch = self._batch(offsets, list(compress(texts, texts)))
                yield batch if mapping.record is None else _listed(batch, mapping.record)
                place += len(block)
            if source.damage is not None:
                yield Batch(refused=[Row(place, b"", None, RejectReason.NOT_PARSEABLE, source.damage)])

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
            message = f"longer than {LONGEST_ROW:,} bytes{_hint(offset, text)}"
            return Row(offset, text[:65_536], None, RejectReason.TOO_LONG, message)
        try:
            value = value_of(text)
        except UnicodeDecodeError as error:
            return Row(offset, text, None, RejectReason.NOT_UTF8, str(error))
        except (msgspec.DecodeError, RecursionError) as error:
            return Row(offset, text, None, RejectReason.NOT_PARSEABLE, f"{error}{_hint(offset, text)}")
        if not isinstance(value, dict):
            message = f"a {type(value).__name__}, not an object{_hint(offset, text)}"
            return Row(offset, text, None, RejectReason.NOT_AN_OBJECT, message)
        return Row(offset, text, value)


def _listed(batch: Batch, member: str) -> Batch:
    """The records that lines list, each with the place of its line."""
    found = Batch(refused=batch.refused)
    lists = along(member, batch.records)
    for offset, raw, items in zip(batch.offsets, batch.raws, lists, strict=True):
        if not isinstance(items, list):
            message = f"it has no list '{member}'; see the mapping's 'record'"
            found.add(Row(offset, raw, None, RejectReason.NOT_A_PRODUCT, message))
            continue
        for item in items:
            text = msgspec.json.encode(item)
            if isinstance(item, dict):
                found.add(Row(offset, text, item))
            else:
                message = f"a {type(item).__name__}, not an object"
                found.add(Row(offset, text, None, RejectReason.NOT_AN_OBJECT, message))
    return found


def holds_json_lines(head: bytes) -> bool:
    """Whether most of the first lines, and at least two, are an object each."""
    lines = [line for line in head.removeprefix(_BOM).split(b"\n")[:-1] if line.strip()][:100]
    objects = sum(_is_object(line) for line in lines)
    return objects >= 2 and 2 * objects > len(lines)


def _is_object(line: bytes) -> bool:
    line = line.strip(_AROUND)
    if not line.startswith(b"{"):
        return False
    try:
        return isinstance(value_of(line), dict)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _hint(offset: int, text: bytes) -> str:
    """What a first line that is no record says of the whole file."""
    whole = offset == 0 and text[:1] in (b"[", b"{")
    return "; should the file as a whole be one JSON document, set the mapping's format to json" if whole else ""


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


READER = JsonLines()
