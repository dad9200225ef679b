"""Where records begin behind a place at which the structure of a JSON document was lost.

A quote or bracket that is missing turns everything behind it inside out, so the structure must be taken up again at a
border that is found by its looks. A border is plausible where, behind a comma, an object can be read to its end, is
followed by what may follow a record, and looks like the records seen before: nested objects, such as attributes, begin
in the same way and are no records.
"""

from __future__ import annotations

import json
import re
from collections.abc import Set
from typing import Any, Final, NamedTuple

STRING = rb'"(?:[^"\\]|\\.)*"'
_BORDER: Final = {
    b"[": re.compile(rb",\s*(?=(\{))"),
    b"{": re.compile(rb",\s*(?=" + STRING + rb"\s*:\s*(\{))", re.DOTALL),
    b"": re.compile(rb"\s(?=(\{))"),
}
_BEHIND: Final = {
    b"[": re.compile(rb"\s*(?:([],])\s*)?"),
    b"{": re.compile(rb"\s*(?:([},])\s*)?(?:" + STRING + rb"\s*:\s*)?", re.DOTALL),
    b"": re.compile(rb"\s*([{])?"),
}
_LIKE: Final = 0.5
_NEAR_THE_END: Final = 8
_FIRST_READ: Final = 1 << 12
_EFFORT: Final = 8
_CANDIDATE: Final = 256
_LEAST_EFFORT: Final = 1 << 24
_parser: Final = json.JSONDecoder()


class Border(NamedTuple):
    """A place where a record begins.

    Attributes:
        place: its first byte; without `found`, the first byte that is still to be looked at with what follows.
        found: whether it is certain enough.
    """

    place: int
    found: bool


class Looks:
    """What the records of a document look like.

    Args:
        kind: `[` or `{`: what the records are in; empty: in nothing, one behind the other.
    """

    def __init__(self, kind: bytes) -> None:
        self.kind = kind
        self._fields: Set[str] | None = None

    def learn(self, record: dict[str, Any]) -> None:
        """A good record was seen."""
        if record:
            self._fields = record.keys()

    @property
    def known(self) -> bool:
        """Whether a good record was seen."""
        return self._fields is not None

    def fit(self, value: Any) -> bool:
        """Whether a value shares at least half of its fields with the last good record, as far as one was seen."""
        if not isinstance(value, dict) or not value:
            return False
        if self._fields is None:
            return True
        fields = {_utf8(name) for name in value}
        return len(fields & self._fields) >= _LIKE * len(fields | self._fields)


def next_border(data: bytes, start: int, looks: Looks, *, ended: bool) -> Border:
    """The first plausible border behind `start`.

    Args:
        data: bytes of the document.
        start: where to begin.
        looks: of its records.
        ended: whether `data` reaches to the end of what is to be read; else a record cut by its end may be one.
    """
    waiting: int | None = None
    effort = _EFFORT * (len(data) - start) + _LEAST_EFFORT
    for candidate in _BORDER[looks.kind].finditer(data, start):
        value, end, cut = _read(data, candidate.start(1))
        effort -= end - candidate.start() + _CANDIDATE
        if effort < 0:
            break  # nothing but beginnings of records: no document that anybody wrote
        if cut and not ended:
            waiting = candidate.start() if waiting is None else waiting
        elif looks.fit(value) and _goes_on(data, end, looks):
            return Border(candidate.end(), True)
    return Border(len(data) if waiting is None else waiting, False)


def record_at(data: bytes, comma: int, looks: Looks) -> int | None:
    """The place of the record behind a comma, where one can be read there."""
    candidate = _BORDER[looks.kind].match(data, comma)
    if candidate is None:
        return None
    value, _, _ = _read(data, candidate.start(1))
    if not looks.fit(value):
        return None
    looks.learn({_utf8(name): None for name in value})
    return candidate.end()


def is_broken(data: bytes) -> bool:
    """Whether no continuation could make a value of what `data` begins with."""
    value, _, cut = _read(data, len(data) - len(data.lstrip()))
    return value is None and not cut


def _read(data: bytes, place: int) -> tuple[Any, int, bool]:
    """The value at a place, where it ends or was given up, and whether it fails only because the data ends.

    Read as Latin-1, in which a character is a byte; and a little at a time, for the parser's errors count the lines
    before them.
    """
    size = _FIRST_READ
    while True:
        text = data[place : place + size].decode("latin-1")
        whole = place + size >= len(data)
        try:
            value, end = _parser.raw_decode(text)
        except json.JSONDecodeError as error:
            if not (error.msg.startswith("Unterminated string") or error.pos >= len(text) - _NEAR_THE_END):
                return None, place + error.pos, False
            if whole:
                return None, len(data), True
        except (RecursionError, ValueError):  # nested too deeply; a number of too many digits
            return None, place + len(text), False
        else:
            return value, place + end, False
        size *= 8


def _goes_on(data: bytes, end: int, looks: Looks) -> bool:
    """Whether behind a record there is a further one, the end of the document, or the end of what was read.

    Before any record was seen, the objects that follow are followed to the end of what they are in: nested ones end
    inside a record.
    """
    while True:
        behind = _BEHIND[looks.kind].match(data, end)
        assert behind is not None
        rest = data[behind.end() : behind.end() + 1]
        if not rest:
            return True
        mark = behind.group(1)
        if mark != b",":
            return mark is not None and rest in b"[{"
        if looks.known:
            return True
        value, end, cut = _read(data, behind.end())
        if not isinstance(value, dict):
            return cut


def _utf8(name: str) -> str:
    try:
        return name.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return name  # it was written with escapes
