"""What a worker is at and how far it has come, where its supervisor finds it, also when the worker is gone."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Final

_PROGRESS: Final = struct.Struct("<QQ")


class Journal:
    """A file that names what a worker is at, overwritten in place: opening it anew for every item, or cutting it to
    length, costs as much as decoding a picture.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        self._width = 0
        self._progress: int | None = None
        self._path = path

    @staticmethod
    def read(path: Path) -> str:
        """The name of the item, empty between items."""
        return path.read_bytes().rstrip(b"\0").decode() if path.exists() else ""

    def note(self, name: str) -> None:
        """Name the item, or none."""
        body = name.encode()
        self._width = max(self._width, len(body))
        os.pwrite(self._file, body.ljust(self._width, b"\0"), 0)

    @staticmethod
    def progress(path: Path) -> tuple[int, int]:
        """Parts of the unit that are done, and how many there are; 0 of 0 where it tells nothing."""
        file = _beside(path)
        body = file.read_bytes() if file.exists() else b""
        done, of = _PROGRESS.unpack(body) if len(body) == _PROGRESS.size else (0, 0)
        return done, of

    @staticmethod
    def clear(path: Path) -> None:
        """Forget the item and the progress: another unit begins."""
        path.write_text("")
        _beside(path).unlink(missing_ok=True)

    def came(self, done: int, of: int) -> None:
        """Tell that so many of the unit's parts are done."""
        if self._progress is None:
            self._progress = os.open(_beside(self._path), os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(self._progress, _PROGRESS.pack(done, of), 0)

    def close(self) -> None:
        """Close the files; they stay."""
        for file in (self._file, self._progress):
            if file is not None:
                os.close(file)


def _beside(path: Path) -> Path:
    return path.with_suffix(".progress")
