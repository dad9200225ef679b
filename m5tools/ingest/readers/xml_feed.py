"""XML product feeds: Google Merchant (RSS 2.0 or Atom with `g:` fields) and any other with an element a product.

- The element that is a record is named in the mapping (`record`) or found out (see `xml_layout`).
- A child without children is its text; with attributes or children it is an object: attributes as `@name`, text beside
  them as `#text`; several children of one name are a list. Names keep their prefix, Google's is always `g:`.
- Encoding: by byte-order mark, else as declared, else UTF-8. Places are bytes of the UTF-8 form.
- Nothing outside of the document is ever read, and no entity that it declares is expanded: the reference stays as it is
  written, but for those that HTML knows.
- Where the XML is broken, the record it is broken in is a reject, and reading goes on at the next record's start tag.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import IO, Any, Final, cast
from xml.parsers import expat

from m5tools.ingest.charset import declared_encoding, wider
from m5tools.ingest.mapping import Mapping
from m5tools.ingest.readers.encoding import Utf8, encoding_of, is_wide
from m5tools.ingest.readers.opening import head_of, opened, whole_files
from m5tools.ingest.readers.row import Chunk, Row, RowReader
from m5tools.ingest.readers.xml_layout import record_element
from m5tools.ingest.readers.xml_records import TEXT, Declared, Records, Unclosed
from m5tools.vocabulary import RejectReason

BLOCK_BYTES = 1 << 16
LONGEST_ROW = 32 << 20
RAW_KEPT: Final = 65_536
_TOO_LONG: Final = f"longer than {LONGEST_ROW:,} bytes"
_BOM: Final = b"\xef\xbb\xbf"
_UNCLOSED: Final = "its end tag is missing"
_DECLARED: Final = re.compile(rb"""^\s*<\?xml[^>]*?\bencoding\s*=\s*["']([\w.:-]+)["']""")


class XmlFeed(RowReader):
    """The reader."""

    def chunks(self, path: str, name: str) -> list[Chunk]:
        return whole_files(path, name)

    def rows(self, chunk: Chunk, mapping: Mapping) -> Iterator[Row]:
        head = head_of(chunk)
        encoding = _encoding(head)
        with opened(chunk) as source:
            file = source.file
            if encoding is not None:
                file = cast(IO[bytes], io.BufferedReader(Utf8(file, encoding), BLOCK_BYTES))
                head = head.decode(encoding, "ignore").encode("utf-8", "surrogatepass")
            name = mapping.record or record_element(head)
            if name is None:
                if head.strip():
                    yield Row(0, head[:RAW_KEPT], None, RejectReason.NOT_PARSEABLE, "no XML: there is no element in it")
                elif not file.read(1) and source.damage is not None:
                    yield Row(0, b"", None, RejectReason.NOT_PARSEABLE, source.damage)
                return
            walk = _Walk(file, name)
            found = False
            for row in walk.rows():
                found = True
                yield row
            if not found and mapping.record and (other := record_element(head)) and _times(head, other) > 1:
                message = f"it has no <{name}>; its records may be <{other}>, see 'record' of the mapping"
                yield Row(0, head[:RAW_KEPT], None, RejectReason.NOT_PARSEABLE, message)
            if source.damage is not None:
                yield Row(walk.place, b"", None, RejectReason.NOT_PARSEABLE, source.damage)


def _encoding(head: bytes) -> str | None:
    """The encoding of a document; None for UTF-8."""
    if is_wide(head):
        return encoding_of(head, whole=False)
    declared = _DECLARED.match(head.removeprefix(_BOM))
    name = declared_encoding(declared[1].decode()) if declared else None
    return None if name in (None, "utf-8", "ascii") or head.startswith(_BOM) else wider(name)


def _times(head: bytes, name: str) -> int:
    """How often an element begins."""
    return len(re.findall(rb"<" + re.escape(name.encode()) + rb"[\s/>]", head))


class _Walk:
    """From record to record through one document.

    Attributes:
        place: the first byte that is still held.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self._start_tag = re.compile(rb"<" + re.escape(name.encode()) + rb"(?=[\s/>])")
        self._records = Records(name, self._found)
        self._parser: expat.XMLParserType | None = self._records.parser()  # None when nothing more can be found
        self._base = 0  # place of the parser's first byte
        self._resumed = -1  # place of the start tag that was gone on from last
        self._settled = 0  # behind the last record
        self._data = b""  # from `place` on
        self._rows: list[Row] = []
        self.place = 0

    def rows(self) -> Iterator[Row]:
        """Every row, good and bad."""
        while self._parser is not None and (block := self._file.read(BLOCK_BYTES)):
            self._data += block
            self._feed(block)
            yield from self._given()
        while (rest := self._parse(b"", final=True)) is not None:
            self._feed(rest)
        yield from self._given()

    def _given(self) -> Iterator[Row]:
        """What was found so far; of the data only what may still be told of is held any longer."""
        yield from self._rows
        self._rows.clear()
        end = self.place + len(self._data)
        if self._records.begin is not None:
            needed = self._base + self._records.begin
        else:
            needed = end if self._parser is None else self._base + max(0, self._parser.CurrentByteIndex)
            if end - self._settled <= RAW_KEPT:
                needed = min(needed, self._settled)
        done = max(0, needed - self.place)
        self.place += done
        self._data = self._data[done:]

    def _feed(self, block: bytes) -> None:
        rest: bytes | None = block
        while rest is not None:
            rest = self._parse(rest)
            if rest is None and self._records.begin is not None and len(self._data) > LONGEST_ROW:
                begin = self._base + self._records.begin
                if self.place + len(self._data) - begin > LONGEST_ROW:
                    rest = self._resume(_TOO_LONG, begin, reason=RejectReason.TOO_LONG)

    def _parse(self, block: bytes, *, final: bool = False) -> bytes | None:
        """Parse the next bytes; where they are broken, gives those to go on with."""
        parser, records = self._parser, self._records
        if parser is None:
            return None
        try:
            parser.Parse(block, final)
        except Declared:
            return self._go_on_behind(self._base + parser.CurrentByteIndex)
        except Unclosed:
            assert records.begin is not None
            return self._resume(_UNCLOSED, self._base + records.begin)
        except expat.ExpatError as error:
            message = expat.ErrorString(error.code)
            if records.begin is not None:
                return self._resume(message, self._base + records.begin)
            return self._resume(message, self._settled, self._base + parser.ErrorByteIndex)
        else:
            if final:
                self._stop()
        return None

    def _resume(
        self, message: str, start: int, search: int = 0, reason: RejectReason = RejectReason.NOT_PARSEABLE
    ) -> bytes | None:
        """Refuse from `start` to the next start tag; gives the bytes from there on, None where the input ends first.

        Args:
            message, reason: why.
            start: place of the first byte that is refused.
            search: place behind which the start tag is looked for; that of the record at hand does not count.
        """
        inside = self._records.begin is not None
        start = max(start, self.place)
        raw = self._data[start - self.place :]
        search = max(start + inside, search, self._resumed + 1)
        while (tag := self._start_tag.search(self._data, max(0, search - self.place))) is None:
            kept = min(len(self._data), 256)  # a start tag may be cut
            block = self._file.read(BLOCK_BYTES)
            if not block:
                self._refuse(start, message, reason, raw)
                self._stop()
                return None
            self.place += len(self._data) - kept
            self._data = self._data[len(self._data) - kept :] + block
            raw += block if len(raw) < RAW_KEPT else b""
        self._resumed = self.place + tag.start()
        raw = raw[: self._resumed - start]
        if raw.strip():
            self._refuse(start, message, reason, raw)
        self._data = self._data[tag.start() :]
        self.place = self._resumed
        self._parser = self._records.parser()
        self._base = self.place - self._records.fed
        return self._data

    def _go_on_behind(self, declarations: int) -> bytes:
        """The bytes behind the bracket that ends the declarations, for a parser that has not heard them."""
        self._base = self.place + self._data.index(b">", declarations - self.place) + 1
        rest = self._data[self._base - self.place :]
        self._parser = self._records.parser()
        self._base -= self._records.fed
        return rest

    def _stop(self) -> None:
        self._parser, self._records.begin = None, None

    def _found(self, value: Any, begin: int, end_tag: int) -> None:
        first, last = self._base + begin - self.place, self._base + end_tag - self.place
        if self._data.startswith(b"</", last):  # else it is an empty-element tag, and over
            last = self._data.find(b">", last) + 1
        raw = self._data[first:last]
        self._settled = self.place + last
        if len(raw) > LONGEST_ROW:
            self._refuse(self.place + first, _TOO_LONG, RejectReason.TOO_LONG, raw)
        else:
            self._rows.append(Row(self.place + first, raw, value if isinstance(value, dict) else {TEXT: value}))

    def _refuse(
        self, place: int, message: str, reason: RejectReason = RejectReason.NOT_PARSEABLE, raw: bytes | None = None
    ) -> None:
        raw = self._data[max(0, place - self.place) :] if raw is None else raw
        self._rows.append(Row(place, raw[:RAW_KEPT].strip(), None, reason, message))


READER = XmlFeed()
