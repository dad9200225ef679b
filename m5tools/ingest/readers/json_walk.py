"""A walk through JSON documents from record to record, in constant memory, that survives what is broken in them.

One room of more than 300 lines, for it is one state: any step may lose the structure, and be taken up anew from any.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, Final

import msgspec

from m5tools.ingest.readers.json_borders import STRING, Looks, is_broken, next_border
from m5tools.ingest.readers.json_structure import Structure
from m5tools.ingest.readers.json_value import value_of
from m5tools.ingest.readers.row import BATCH_ROWS, Batch, Row
from m5tools.vocabulary import RejectReason

KEY = "_key"
BLOCK_BYTES = 4 << 20
LONGEST_ROW = 32 << 20
FIRST_CHECK = 1 << 20
FEWEST_BYTES = 1 << 12
MOST_BYTES = 1 << 20
MOST_FRUITLESS = 16
_NEXT: Final = 1 << 10
RAW_KEPT = 65_536
_BOM: Final = b"\xef\xbb\xbf"
_SPACE: Final = b" \t\r\n"
# Between documents: commas that a writer of lines left there, and the mark before each text of RFC 7464.
_BETWEEN: Final = _SPACE + b",\x1e"
_CLOSING: Final = {b"[": b"]", b"{": b"}"}
_TOO_LONG: Final = f"longer than {LONGEST_ROW:,} bytes"
_WORD: Final = {b"[": "array", b"{": "object"}
_KEYED: Final = re.compile(rb"\s*" + STRING + rb"\s*:\s*\{", re.DOTALL)
_FRAGMENT: Final = re.compile(rb"\s*" + STRING + rb"\s*:", re.DOTALL)
_decode = msgspec.json.Decoder().decode


def is_keyed(members: bytes) -> bool:
    """Whether the first member of an object is an object: then its members are records, else it is one itself."""
    return _KEYED.match(members) is not None


def _is_value(text: bytes) -> bool:
    try:
        _decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return False
    return True


class Walk:
    """The rows of a range of bytes.

    Args:
        file: at the beginning of the range.
        place: where in the input that is.
        size: bytes of the range, which then ends behind a record's comma; None = to the end of the input.
        kind: `[` or `{`: what the range begins inside of, at a record; None = it begins at a document.

    Attributes:
        place: where in the input the walk is.
    """

    def __init__(self, file: IO[bytes], place: int, size: int | None, kind: bytes | None) -> None:
        self._file, self._left, self._to_the_end = file, size, size is None
        self.place = place
        self._data = b""  # from `place` on
        self._begin = 0  # of the element at hand, in the data
        self._scanned = 0  # so much of the data went through the structure
        self._structure = Structure(0 if kind is None else 1)
        self._open = kind
        self._alone = False  # the object that is open is a record itself
        self._decided = True  # whether that is known
        self._closed: tuple[bytes, int] | None = None  # what was open before, and the place of its closing bracket
        self._reopened: tuple[Row, int] | None = None  # the refusal of that bracket
        self._looks = Looks(kind or b"[")
        self._window = FEWEST_BYTES
        self._fruitless = 0  # so often the structure was taken up anew since the last record
        self._check = FIRST_CHECK
        self._batch = Batch()
        self._refused: tuple[Row, int] | None = None  # the last refusal and its end: a piece may join it

    def batches(self) -> Iterator[Batch]:
        """All rows, some megabytes at a time; never raises for what is broken."""
        if self.place == 0 and self._fill() and self._data.startswith(_BOM):
            self._begin = self._scanned = len(_BOM)
        while self._scanned < len(self._data) or self._fill() or self._goes_on_at_the_end():
            self._step()
            if self._scanned == len(self._data):
                self._check_length()
            if len(self._batch) >= BATCH_ROWS:
                yield self._batch
                self._batch = Batch()
        if self._refused is not None:
            self._batch.add(self._refused[0])
        if len(self._batch):
            yield self._batch

    def _fill(self) -> bool:
        """Forget what is done, read on; false at the end."""
        block = self._file.read(BLOCK_BYTES if self._left is None else min(BLOCK_BYTES, self._left))
        if self._left is not None:
            self._left -= len(block)
        self._data = self._data[self._begin :] + block
        self.place += self._begin
        self._scanned -= self._begin
        self._begin = 0
        return bool(block)

    def _step(self) -> None:
        """Follow the structure through a window of what was read."""
        start = self._scanned
        window = self._data[start : start + self._window]
        self._scanned += len(window)
        for at, depth in zip(*self._structure.feed(window), strict=True):
            again = self._outer(start + at) if self._open is None else self._inner(start + at, depth)
            if again is not None:
                self._resume(again)
                self._fruitless += 1
                if self._fruitless > MOST_FRUITLESS:
                    self._lost("one broken record behind the other")
                return
        self._window = min(2 * self._window, MOST_BYTES)

    def _resume(self, at: int) -> None:
        """Take the structure up anew at a record or directly behind one; small steps, for it may soon be lost again."""
        self._begin = self._scanned = at
        self._structure = Structure(0 if self._alone else 1)
        self._open = None if self._alone else self._open
        self._window, self._check = FEWEST_BYTES, FIRST_CHECK

    def _outer(self, at: int) -> int | None:
        """A bracket or comma outside of any document; the place to go on from where it turns out to be in one."""
        byte = self._data[at : at + 1]
        if byte in _CLOSING:
            self._outside(at)
            self._open, self._looks.kind = byte, byte
            self._alone, self._decided, self._closed = False, byte == b"[", None
            self._begin = at + self._decided
        elif byte == b"," and self._closed is not None and not self._data[self._begin : at].strip(_SPACE):
            if self._data[at + 1 : at + _NEXT].lstrip(_SPACE)[:1] == b"[":
                return None
            self._open, place = self._closed
            self._alone = False
            message = f"a closing bracket, but the {_WORD[self._open]} goes on"
            self._refuse(place, place + 1, RejectReason.NOT_PARSEABLE, message, _CLOSING[self._open], part=True)
            alone = self._refused is not None and self._refused[0].message == message
            self._reopened = self._refused if alone else None
            return at + 1
        return None

    def _inner(self, at: int, depth: int) -> int | None:
        """A bracket or comma of the document at hand; the place to go on from where the structure was lost."""
        assert self._open is not None
        if not self._decided:
            self._decide(at + 1)
        byte = self._data[at : at + 1]
        if depth == 1:
            if self._alone:
                return None
        elif byte != _CLOSING[self._open]:
            self._mismatch(at, f"'{byte.decode()}' cannot close an {_WORD[self._open]}")
            return at + 1
        again = self._element(self._begin, at + self._alone)
        if again is not None:
            return again
        self._begin = at + 1
        if depth == 0:
            self._closed = None if self._alone else (self._open, self.place + at)
            self._open = None
        return None

    def _mismatch(self, at: int, message: str) -> None:
        """Refuse a bracket that closes what is not open, with the element it ends where that is no value."""
        self._alone = False
        if self._open == b"[" and _is_value(self._data[self._begin : at]):
            self._element(self._begin, at)
            self._begin = at
        self._reject(self._begin, at + 1, message)

    def _decide(self, end: int) -> None:
        """Whether the object at hand is a record itself, or its members are."""
        self._decided, self._alone = True, not is_keyed(self._data[self._begin + 1 : end])
        self._begin += not self._alone
        self._looks.kind = b"" if self._alone else b"{"

    def _element(self, begin: int, end: int, *, swallowed: bool = False) -> int | None:
        """Settle an element; the place of a record inside of it where it has swallowed one.

        Args:
            begin, end: of the element.
            swallowed: whether it may have done so although it can be read.
        """
        text = self._data[begin:end]
        raw = text.strip(_SPACE)
        if not raw:
            return None
        self._check = FIRST_CHECK
        keyed = self._open == b"{" and not self._alone
        if swallowed and self._looks.known and next_border(raw, 0, self._looks, ended=True).found:
            return self._broken(begin, end, "it is never closed")
        try:
            value = value_of(b"{%b}" % raw if keyed else raw)
        except UnicodeDecodeError as error:
            return self._broken(begin, end, str(error), RejectReason.NOT_UTF8)
        except (msgspec.DecodeError, RecursionError) as error:
            return self._broken(begin, end, str(error))
        offset = self.place + begin + len(text) - len(text.lstrip(_SPACE))
        key: str | None = None
        if keyed:
            ((key, value),) = value.items()
        if len(raw) > LONGEST_ROW:
            self._refuse(offset, self.place + end, RejectReason.TOO_LONG, _TOO_LONG, raw)
        elif isinstance(value, dict):
            self._looks.learn(value)
            self._fruitless = 0
            self._batch.add(Row(offset, raw, value if key is None else {KEY: key, **value}))
        else:
            message = f"a {type(value).__name__}, not an object"
            message = message if key is None else f"the value of '{key}' is {message}"
            self._refuse(offset, self.place + end, RejectReason.NOT_AN_OBJECT, message, raw, part=keyed)
        return None

    def _broken(
        self, begin: int, end: int, message: str, reason: RejectReason = RejectReason.NOT_PARSEABLE
    ) -> int | None:
        """Refuse an element that cannot be read, up to a record inside of it, whose place is given."""
        if self._looks.known:
            border = next_border(self._data[begin:end], 0, self._looks, ended=True)
            if border.found:
                self._reject(begin, begin + border.place, message, reason)
                return begin + border.place
        self._reject(begin, end, message, reason)
        return None

    def _outside(self, end: int) -> None:
        """What lies before, between and behind documents: nothing, or rows that are none."""
        raw = self._data[self._begin : end].strip(_BETWEEN)
        if not raw:
            return
        try:
            kind = type(_decode(raw)).__name__
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            place, part = self.place + self._begin, not raw.strip(_SPACE + b"]}")
            self._refuse(place, self.place + end, RejectReason.NOT_PARSEABLE, "not JSON", raw, part=part)
        else:
            place = self.place + self._begin
            message = f"a {kind}, not an object"
            self._refuse(place, place + end - self._begin, RejectReason.NOT_AN_OBJECT, message, raw)

    def _check_length(self) -> None:
        """Give an element up that cannot become one any more, however far it goes on."""
        pending = len(self._data) - self._begin
        if pending < self._check:
            return
        self._check *= 2
        text = self._data[self._begin :]
        keyed = self._open == b"{" and self._decided and not self._alone
        if pending > LONGEST_ROW:
            self._lost(_TOO_LONG, RejectReason.TOO_LONG)
        elif is_broken(b"{" + text if keyed else text):
            self._lost("its quotes or brackets do not close")

    def _lost(self, message: str, reason: RejectReason = RejectReason.NOT_PARSEABLE) -> None:
        """Refuse everything up to the next plausible border, or the end."""
        place, raw = self.place + self._begin, self._data[self._begin :][:RAW_KEPT]
        if not self._decided:
            self._decide(len(self._data))
        more, searched = True, self._open is not None
        while True:
            kept = 0
            if searched:
                border = next_border(self._data, self._begin, self._looks, ended=not more)
                if border.found:
                    self._refuse(place, self.place + border.place, reason, message, raw)
                    self._resume(border.place)
                    return
                kept = len(self._data) - border.place
            if not more:
                break
            self._begin = self._scanned = len(self._data) - (kept if kept <= LONGEST_ROW else FIRST_CHECK)
            more = self._fill()
        self._refuse(place, self.place + len(self._data), reason, message, raw)
        self._begin = self._scanned = len(self._data)
        self._open = None

    def _goes_on_at_the_end(self) -> bool:
        """Settle what was begun; true where a record was found in it, from which to go on."""
        end = len(self._data)
        if self._open is None:
            self._outside(end)
            self._begin = end
            return False
        if not self._decided:
            self._decide(end)
        if self._is_comma_at_the_end(end):
            self._refused, self._begin, self._open = None, end, None
            return False
        if self._alone or self._structure.depth > 1 or self._structure.inside:
            self._lost("its quotes or brackets do not close before the end")
            return self._scanned < len(self._data)
        # A member that was not closed has swallowed those behind it, and been closed by the bracket of the whole.
        swallowed = self._to_the_end and self._open == b"{"
        again = self._element(self._begin, end, swallowed=swallowed)
        if again is not None:
            self._resume(again)
            return True
        if self._to_the_end:
            message = f"the input ends inside an {_WORD[self._open]}: it is cut off"
            self._refuse(self.place + end, self.place + end, RejectReason.NOT_PARSEABLE, message, b"", part=True)
        self._begin, self._open = end, None
        return False

    def _is_comma_at_the_end(self, end: int) -> bool:
        """Whether nothing follows the comma that seemed to go on with what was closed."""
        going_on = self._reopened is not None and self._refused is self._reopened
        return going_on and not self._data[self._begin : end].strip(_SPACE)

    def _reject(self, begin: int, end: int, message: str, reason: RejectReason = RejectReason.NOT_PARSEABLE) -> None:
        """Refuse a piece of the data; a member without its object belongs to the broken record before it."""
        text = self._data[begin:end]
        part = _FRAGMENT.match(text) is not None and not (self._open == b"{" and is_keyed(text))
        self._refuse(self.place + begin, self.place + end, reason, message, text, part=part)

    def _refuse(
        self, begin: int, end: int, reason: RejectReason, message: str, raw: bytes, *, part: bool = False
    ) -> None:
        """A row that is none, by places in the input.

        Args:
            begin, end: of its bytes.
            reason, message: why.
            raw: its bytes.
            part: it may be the rest of a broken record that was refused directly before.
        """
        last = self._refused
        if part and last is not None and last[0].reason is not RejectReason.NOT_AN_OBJECT:
            between = self._data[max(0, last[1] - self.place) : max(0, begin - self.place)]
            if not between.strip(_SPACE + b","):
                row = last[0]
                joined = row.raw + (b"," + raw if raw else b"")
                self._refused = row._replace(raw=joined[:RAW_KEPT]), end
                return
        if last is not None:
            self._batch.add(last[0])
        offset = begin + len(raw) - len(raw.lstrip(_SPACE))
        self._refused = Row(offset, raw.strip(_SPACE)[:RAW_KEPT], None, reason, message), end
