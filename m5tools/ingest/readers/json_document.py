"""JSON documents: an array of records, or one object whose members are records, by id (as M5Product's is).

- In an object the key becomes the field `_key`. An object whose first member is no object is a record itself, so a
  file a product can be read; several documents may follow one another in a file.
- Where the mapping names a `record`, the records are what that member of one object (`products`), or of an object
  inside it (`data.products`), lists.
- Encoding: UTF-8, with or without byte-order mark, or UTF-16/32. Places are bytes of the file, of its UTF-8 form
  where it had another encoding or was packed.
- Plain files are cut into chunks between records, and read in parallel.
- What is no record costs itself: a value that is no object, a broken record, and where its quotes or brackets do not
  close, everything up to the next place where a record plausibly begins (see `json_borders`).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from typing import IO, Final

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers import json_listed
from m5tools.ingest.readers.encoding import is_wide, narrowed
from m5tools.ingest.readers.json_borders import Looks, next_border, record_at
from m5tools.ingest.readers.json_lines import holds_json_lines
from m5tools.ingest.readers.json_structure import Structure
from m5tools.ingest.readers.json_walk import Walk, is_keyed
from m5tools.ingest.readers.locations import size_of, stored
from m5tools.ingest.readers.opening import head_of, is_plain, opened, whole_files
from m5tools.ingest.readers.row import Batch, Chunk, Row, readable
from m5tools.vocabulary import RejectReason

CHUNK_BYTES = 16 << 20
BLOCK_BYTES = 4 << 20
LOST_BYTES = 64 << 20
LONGEST_RAW = 65_536
_MORE: Final = (
    "behind the document that lists the records there are others, which are not read; write each on a line of its own "
    "(`jq -c .`) and set the mapping's format to json_lines"
)
_TRIES: Final = 8
_BOM: Final = b"\xef\xbb\xbf"


class JsonDocument:
    """The reader."""

    def __init__(self, chunk_bytes: int = CHUNK_BYTES) -> None:
        self._chunk_bytes = chunk_bytes

    def chunks(self, path: str, name: str) -> list[Chunk]:
        whole = whole_files(path, name)
        if whole[0].member is not None or not is_plain(path, name) or size_of(path) <= self._chunk_bytes:
            return whole
        head = head_of(whole[0])
        kind = head.removeprefix(_BOM).lstrip()[:1]
        keyed = kind == b"{" and is_keyed(head[head.index(kind) + 1 :])
        if is_wide(head) or holds_json_lines(head) or not (kind == b"[" or keyed):
            return whole
        with readable(name), stored(path) as file:
            starts = [0, *_starts(file, kind, self._chunk_bytes)]
        return [Chunk(path, name, start, end) for start, end in zip(starts, [*starts[1:], -1], strict=True)]

    def batches(self, chunk: Chunk, mapping: Mapping) -> Iterator[Batch]:
        head = head_of(replace(chunk, start=0, end=-1))
        if holds_json_lines(head):
            raise UsageError(f"{chunk.name} holds JSON Lines, an object a line; set the mapping's format to json_lines")
        if mapping.record is not None:
            if not chunk.start:
                yield from _listed(chunk, head, mapping.record)
            return
        with opened(chunk) as source:
            file = narrowed(source.file, head)
            if chunk.start:
                file.seek(chunk.start)
            size = chunk.end - chunk.start if chunk.end >= 0 else None
            kind = head.removeprefix(_BOM).lstrip()[:1] if chunk.start else None
            walk = Walk(file, chunk.start, size, kind)
            yield from walk.batches()
            if source.damage is not None:
                yield Batch(refused=[Row(walk.place, b"", None, RejectReason.NOT_PARSEABLE, source.damage)])


def _listed(chunk: Chunk, head: bytes, member: str) -> Iterator[Batch]:
    """The records that a member of one object lists."""
    text = narrowed(io.BytesIO(head), head).read()
    found = json_listed.list_of(text, member)
    if found is None or found.place is None:
        missing = f"it has no list '{member}' in its first {len(head):,} bytes; see the mapping's 'record'"
        message = chunk.refused or missing
        yield Batch(refused=[Row(0, text[:LONGEST_RAW], None, RejectReason.NOT_PARSEABLE, message)])
        return
    begin = found.place
    with opened(chunk) as source:
        file = narrowed(source.file, head)
        file.read(begin)
        end = json_listed.end_of(file, len(found.path))
    with opened(chunk) as source:
        file = narrowed(source.file, head)
        file.read(begin)
        walk = Walk(file, begin, end.size, b"[")
        yield from walk.batches()
        if source.damage is not None:
            yield Batch(refused=[Row(walk.place, b"", None, RejectReason.NOT_PARSEABLE, source.damage)])
    if end.more and end.size is not None:
        yield Batch(refused=[Row(begin + end.size, b"", None, RejectReason.NOT_PARSEABLE, _MORE)])


def _starts(file: IO[bytes], kind: bytes, chunk_bytes: int) -> Iterator[int]:
    """Places of records, about `chunk_bytes` apart, up to the end of the first document.

    A place counts only where a record can be read: behind a quote that is missing the structure is inside out. Where
    none was found for long, the structure is taken up again at a plausible border.
    """
    structure, looks = Structure(), Looks(kind)
    place = last = sure = 0
    while block := file.read(BLOCK_BYTES):
        marks, tries = structure.feed(block), 0
        for at, depth in zip(*marks, strict=True):
            if depth == 0 and place + at > 0:
                return
            if block[at] != ord(",") or place + at < last + chunk_bytes or tries == _TRIES:
                continue
            tries += 1
            if (border := record_at(block, at, looks)) is not None:
                last = sure = place + border
                yield last
                break
        if place - sure > max(LOST_BYTES, chunk_bytes) + chunk_bytes:
            found = next_border(block, 0, looks, ended=True)
            if found.found:
                structure = Structure(1)
                structure.feed(block[found.place :])
                last = sure = place + found.place
                yield last
        place += len(block)


READER = JsonDocument()
