"""Web archives: WARC files (ISO 28500, WARC 1.0 and 1.1), plain or compressed, and WACZ packages that hold them.

Rows are the `response` and `resource` records: what was fetched. Other records (requests, metadata, revisits) are about
those and are no rows. A record that holds no HTML page, was answered by an error, has no type that is known, or is
damaged becomes a reject; after damage reading goes on with the next record that can be found.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from fastwarc.warc import ArchiveIterator, WarcRecord, WarcRecordType

from m5tools.errors import UsageError
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.http_message import HttpMessage, message_of
from m5tools.ingest.readers.page_row import LONGEST_PAGE, RAW_KEPT, page_row
from m5tools.ingest.readers.row import Chunk, Row, RowReader, readable
from m5tools.ingest.readers.warc_end import End, Last
from m5tools.ingest.readers.zip_overlaps import overlapping
from m5tools.ingest.readers.zip_unlisted import unlisted
from m5tools.vocabulary import RejectReason

SUFFIXES = (".warc", ".warc.gz", ".warc.zst", ".wacz")
_ARCHIVED = (".warc", ".warc.gz", ".warc.zst")
_ENCRYPTED = 0x1
_STARTS = (b"\x1f\x8b\x08", b"WARC/1.")
_FETCHED = (WarcRecordType.response, WarcRecordType.resource)
_OF_NO_KIND = (WarcRecordType.unknown, WarcRecordType.no_type)
_NO_KIND = "a record of no type that is known"
_BLOCK = 1 << 20
_HEAD_KEPT = 2_048


class Warc(RowReader):
    """The reader. A row's place is the offset of its record, as indexes of archives give it."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        if not path.lower().endswith(".wacz"):
            return [Chunk(path, name)]
        with readable(name), Path(path).open("rb") as file, zipfile.ZipFile(file) as package:
            packed = [m for m in package.infolist() if m.filename.startswith("archive/")]
            packed = [m for m in packed if m.filename.lower().endswith(_ARCHIVED)]
            members = sorted(m.filename for m in packed)
            refused = overlapping(package)
            more = unlisted(file, package)
        if not members:
            raise UsageError(f"{name}: the package holds no archive/*.warc.gz; leave it out")
        if len(set(members)) < len(members):
            raise UsageError(f"{name}: the package holds two files of one name; pack it anew")
        if any(m.flag_bits & _ENCRYPTED for m in packed):
            raise UsageError(f"{name}: the package is encrypted; unpack it")
        chunks = [Chunk(path, f"{name}/{member}", member=member, refused=refused.get(member)) for member in members]
        return chunks if more is None else [*chunks, Chunk(path, name, refused=more)]

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        if chunk.refused is not None:
            yield Row(0, b"", None, RejectReason.NOT_PARSEABLE, chunk.refused)
            return
        with readable(chunk.name), ExitStack() as stack:
            file = _open(chunk, stack)
            end = End(file)
            start: int | None = 0
            in_damage = False
            while start is not None:
                last = Last(start)
                try:
                    for record in _records(file, start):
                        last.read(record.stream_pos, record.content_length)
                        if record.record_type in _FETCHED:
                            row, in_damage = _row(last.place, record), False
                        elif record.record_type in _OF_NO_KIND:
                            row = Row(last.place, b"", None, RejectReason.NOT_PARSEABLE, _NO_KIND)
                        else:
                            continue
                        last.told = row.record is None
                        yield row
                    if last.length is None and in_damage:
                        start = _next_start(file, start + 1)
                        continue
                    end.check(last)
                    return
                except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
                    start = _next_start(file, last.place + 1)
                    if not in_damage:
                        in_damage = True
                        place = max(0, start if start is not None else last.place)
                        yield Row(place, b"", None, RejectReason.NOT_PARSEABLE, f"damaged archive: {error}")


def _records(file: io.BufferedIOBase, start: int) -> Iterator[WarcRecord]:
    file.seek(start)
    return iter(ArchiveIterator(file, parse_http=False))


def _next_start(file: io.BufferedIOBase, place: int) -> int | None:
    """Where the next record, or the next compressed member that may hold one, begins."""
    file.seek(place)
    kept = b""
    while block := file.read(_BLOCK):
        window = kept + block
        found = min((at for mark in _STARTS if (at := window.find(mark)) >= 0), default=-1)
        if found >= 0:
            return place - len(kept) + found
        place += len(block)
        kept = window[-8:]
    return None


def _row(offset: int, record: WarcRecord) -> Row:
    if record.content_length > LONGEST_PAGE:
        raw = record.reader.read(RAW_KEPT)
        return Row(offset, raw, None, RejectReason.TOO_LONG, f"longer than {LONGEST_PAGE:,} bytes")
    block = record.reader.read(LONGEST_PAGE)
    kept = block[:RAW_KEPT]
    if len(block) < record.content_length:
        message = f"the record ends after {len(block):,} of {record.content_length:,} bytes"
        return Row(offset, kept, None, RejectReason.NOT_PARSEABLE, message)
    headers = record.headers
    if headers.get("WARC-Segment-Number"):
        return Row(offset, kept, None, RejectReason.NOT_PARSEABLE, "a part of a record, of which others lie elsewhere")
    address = (headers.get("WARC-Target-URI") or "").strip("<> ") or None
    kind = (headers.get("Content-Type") or "").lower()
    try:
        if kind.startswith("application/http"):
            fetched = message_of(block)
        else:
            fetched = HttpMessage(200, {"content-type": kind}, block)
        if fetched.status != 200:
            return Row(offset, kept, None, RejectReason.NO_CONTENT, f"HTTP status {fetched.status}")
        if not fetched.is_html:
            return Row(offset, block[:_HEAD_KEPT], None, RejectReason.NO_CONTENT, f"{fetched.kind}, not HTML")
        page = fetched.body(LONGEST_PAGE)
    except ValueError as error:
        return Row(offset, kept, None, RejectReason.NOT_PARSEABLE, str(error))
    return page_row(offset, page, address=address, charset=fetched.charset, seen_at=headers.get("WARC-Date"))


def _open(chunk: Chunk, stack: ExitStack) -> io.BufferedIOBase:
    if chunk.member is not None:
        package = stack.enter_context(zipfile.ZipFile(chunk.path))
        return cast(io.BufferedIOBase, stack.enter_context(package.open(chunk.member)))
    return stack.enter_context(Path(chunk.path).open("rb"))


READER = Warc()
