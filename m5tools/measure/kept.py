"""What a slice has measured so far, on disk: the successor of a killed worker goes on where it fell.

Without it every file that takes a worker down would cost the whole slice twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from m5tools.atomic import naming

Row = dict[str, Any]
Found = list[tuple[str, Row]]
"""Rows, each with the name of its table."""

_LENGTH: Final = 4  # bytes, little-endian, in front of every entry


class Kept:
    """A file of finished assets.

    Args:
        path: where; made when there is something to keep.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._encoder = msgspec.msgpack.Encoder()

    def entries(self) -> Iterator[tuple[list[str], Found]]:
        """The assets and rows of every entry, in the order they were added; one cut off at the end is dropped."""
        data = self._path.read_bytes() if self._path.exists() else b""
        at = 0
        while at + _LENGTH <= len(data):
            end = at + _LENGTH + int.from_bytes(data[at : at + _LENGTH], "little")
            if end > len(data):
                break
            ids, found = msgspec.msgpack.decode(data[at + _LENGTH : end])
            yield ids, [(table, row) for table, row in found]
            at = end
        if at < len(data):
            with self._path.open("r+b") as file:
                file.truncate(at)

    def add(self, assets: list[str], found: Found) -> None:
        """Keep the rows of some assets."""
        body = self._encoder.encode((assets, found))
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with naming(self._path), self._path.open("ab") as file:
            file.write(len(body).to_bytes(_LENGTH, "little") + body)

    def forget(self) -> None:
        """Remove the file."""
        self._path.unlink(missing_ok=True)
