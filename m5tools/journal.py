"""What a worker is at, where its supervisor finds it when the worker is gone."""

from __future__ import annotations

import os
from pathlib import Path


class Journal:
    """A file that names what a worker is at, overwritten in place: opening it anew for every item, or cutting it to
    length, costs as much as decoding a picture.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        self._width = 0

    @staticmethod
    def read(path: Path) -> str:
        """The name of the item, empty between items."""
        return path.read_bytes().rstrip(b"\0").decode() if path.exists() else ""

    def note(self, name: str) -> None:
        """Name the item, or none."""
        body = name.encode()
        self._width = max(self._width, len(body))
        os.pwrite(self._file, body.ljust(self._width, b"\0"), 0)

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._file)
