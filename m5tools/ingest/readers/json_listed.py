"""Records in a list inside one object, as interfaces of shops answer: `{"count": 2, "products": [{…}, {…}]}`.

The mapping names the member (`record: products`). The object is followed by its structure alone, so a file of any size
takes constant memory; the list is then read like any array, which survives what is broken in it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import IO, Any, Final

from m5tools.ingest.readers.json_borders import STRING
from m5tools.ingest.readers.json_structure import Structure

BLOCK_BYTES: Final = 4 << 20
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_decode = json.JSONDecoder().raw_decode


def place_of(head: bytes, member: str) -> int | None:
    """Where behind its opening bracket the list of a member of the outermost object begins; None where it has none.

    Args:
        head: the first bytes of the document; the list must begin in them.
        member: its name.
    """
    # A name may be written with escapes, so names are compared as they are read.
    for found in re.finditer(rb"(" + STRING + rb")\s*:\s*\[", head, re.DOTALL):
        if _read(found[1]) == member:
            structure = Structure()
            structure.feed(head[: found.start()])
            if structure.depth == 1 and not structure.inside:
                return found.end()
    return None


def end_of(file: IO[bytes]) -> int | None:
    """So many bytes from here to the bracket that closes the list the file stands in; None where none does."""
    structure, place = Structure(1), 0
    while block := file.read(BLOCK_BYTES):
        for at, depth in zip(*structure.feed(block), strict=True):
            if depth == 0:
                return place + at
        place += len(block)
    return None


def members(head: bytes) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Members of the outermost object, of those that list objects with the first, as far as the first bytes tell."""
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    place = _behind(text, 0)
    if text[place : place + 1] != "{":
        return
    while text[place : place + 1] in ("{", ","):
        try:
            name, place = _decode(text, _behind(text, place + 1))
            place = _behind(text, place)
            start = _behind(text, place + 1)
            inner = _behind(text, start + 1)
            listed = text[start : start + 1] == "[" and text[inner : inner + 1] == "{"
            yield name, _decode(text, inner)[0] if listed else None
            _, place = _decode(text, start)
        except (ValueError, RecursionError):
            return
        place = _behind(text, place)


def _read(string: bytes) -> str | None:
    try:
        return str(json.loads(string))
    except ValueError:
        return None


def _behind(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    assert match is not None
    return match.end()
