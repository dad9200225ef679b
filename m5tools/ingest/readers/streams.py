"""Compressed files of several streams, as parallel packers and `cat` write them: each is read, or an error told.

The standard library takes a later stream that is damaged in its first bytes for something that was merely appended, and
ends there without a word (bzip2, xz).
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, Any, Final, Protocol

_BLOCK: Final = 1 << 16
_PADDING: Final = b"\0"


class Decompressor(Protocol):
    """What the standard library has for one stream."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1, /) -> bytes: ...


class Streams(io.RawIOBase):
    """The unpacked bytes of a file. Zeros between streams and behind the last are padding.

    Args:
        file: stands at the beginning.
        start: makes what unpacks one stream.
    """

    def __init__(self, file: IO[bytes], start: Callable[[], Decompressor]) -> None:
        self._file, self._start = file, start
        self._stream: Decompressor | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while True:
            packed = b""
            if self._stream is None or self._stream.eof:
                packed = self._next_stream()
                if not packed:
                    return 0
                self._stream = self._start()
            elif self._stream.needs_input:
                packed = self._file.read(_BLOCK)
                if not packed:
                    raise EOFError("it ends inside a compressed stream")
            if data := self._stream.decompress(packed, len(buffer)):
                buffer[: len(data)] = data
                return len(data)

    def _next_stream(self) -> bytes:
        """Its first bytes; none at the end of the file."""
        rest = b"" if self._stream is None else self._stream.unused_data.lstrip(_PADDING)
        while not rest and (block := self._file.read(_BLOCK)):
            rest = block.lstrip(_PADDING)
        return rest
