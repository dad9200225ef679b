"""Records in a list inside one object, as interfaces of shops answer: `{"data": {"count": 2, "products": [{…}, {…}]}}`.

The mapping names the member (`record: products`, or a path such as `data.products`). The object is followed by its
structure alone, so a file of any size takes constant memory; the list is then read like any array, which survives what
is broken in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final, NamedTuple

from m5tools.ingest.readers.json_borders import STRING
from m5tools.ingest.readers.json_structure import Structure

BLOCK_BYTES: Final = 4 << 20
DEEPEST: Final = 4
_FIRST_READ: Final = 1 << 16
_BETWEEN: Final = b" \t\r\n,\x1e"
_MARK: Final = re.compile(STRING + rb"|[][{},:]|[^][{},:\s\"]+", re.DOTALL)
_decode = json.JSONDecoder().raw_decode


class Member(NamedTuple):
    """A member of the outermost object, or of an object in it.

    Attributes:
        path: the names that lead to it.
        place: of a list: behind its opening bracket; None for everything else.
        is_plain: whether it is neither a list nor an object.
    """

    path: tuple[str, ...]
    place: int | None
    is_plain: bool


def list_of(head: bytes, member: str) -> Member | None:
    """The list that a member is; None where there is none.

    Args:
        head: the first bytes of the document; the list must begin in them.
        member: its name, or its path with a dot between names.
    """
    return next((m for m in members(head) if m.place is not None and ".".join(m.path) == member), None)


class End(NamedTuple):
    """Where a list ends.

    Attributes:
        size: bytes from its first record to the bracket that closes it; None where none does.
        more: whether behind the document that it lies in there is another.
    """

    size: int | None
    more: bool


def end_of(file: IO[bytes], around: int) -> End:
    """The end of the list whose first record comes next in a file.

    Args:
        file: stands there.
        around: in how many objects the list lies.
    """
    structure, place = Structure(1), 0
    size: int | None = None
    ended = False
    while block := file.read(BLOCK_BYTES):
        rest = block
        if size is None and (at := _closes(structure, rest)) is not None:
            size, rest, structure = place + at, rest[at + 1 :], Structure(around)
        if size is not None and not ended:
            at = _closes(structure, rest)
            ended, rest = at is not None, rest[at + 1 :] if at is not None else b""
        if ended and rest.strip(_BETWEEN):
            return End(size, True)
        place += len(block)
    return End(size, False)


def _closes(structure: Structure, block: bytes) -> int | None:
    """Where in a block what the structure is in closes."""
    return next((at for at, depth in zip(*structure.feed(block), strict=True) if depth == 0), None)


def members(head: bytes) -> Iterator[Member]:
    """The members of the outermost object and of objects inside it, as far as the first bytes tell.

    Objects inside lists are not gone into, nor what lies deeper than `DEEPEST` names.
    """
    path: list[str] = []  # a name for each bracket that is open; that of the outermost says nothing
    opened: list[bytes] = []  # "{" for objects that are gone into, else "["
    name: str | None = None
    last: bytes = b""
    for mark in _MARK.finditer(head):
        byte, inside = mark[0][:1], not opened or opened[-1] == b"{"
        if byte == b":":
            # A name may be written with escapes, so names are compared as they are read.
            name = _read(last) if inside and opened else None
        elif byte in (b"{", b"["):
            entered = byte == b"{" and inside and (not opened or name is not None) and len(path) <= DEEPEST
            if not opened and not entered:
                return
            if name is not None and inside and byte == b"[" and len(path) <= DEEPEST:
                yield Member((*path[1:], name), mark.end(), False)
            opened.append(b"{" if entered else b"[")
            path.append(name or "")
            name = None
        elif byte in (b"}", b"]"):
            if opened:
                opened.pop()
                path.pop()
            if not opened:
                return
            name = None
        elif byte == b",":
            name = None
        elif name is not None and inside:
            yield Member((*path[1:], name), None, True)
            name = None
        last = mark[0]


def first_object(head: bytes, place: int) -> dict[str, Any] | None:
    """The first value of a list where it is an object, and not beyond the first bytes."""
    for size in (_FIRST_READ, len(head)):
        text = head[place : place + size].decode("utf-8", "replace").lstrip(" \t\r\n")
        if not text.startswith("{"):
            return None
        try:
            value = _decode(text)[0]
        except (ValueError, RecursionError):
            continue
        return value if isinstance(value, dict) else None
    return None


def _read(string: bytes) -> str | None:
    try:
        return str(json.loads(string))
    except ValueError:
        return None
