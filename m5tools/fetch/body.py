"""The body of an answer as it comes in: counted, decompressed, hashed; in memory while small, in a file beyond that."""

from __future__ import annotations

import hashlib
import io
import zlib
from pathlib import Path
from typing import IO, Final

from m5tools.errors import StageFailed
from m5tools.fetch.found import SNIFFED_BYTES
from m5tools.fetch.hosts import Refused
from m5tools.vocabulary import Reason

IN_MEMORY_BYTES: Final = 256 * 1024
_INFLATED_AT_ONCE: Final = 64 * 1024
_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS
_GZIP: Final = 16 + zlib.MAX_WBITS
_PLAIN: Final = ("", "identity")


class Body:
    """Takes a body chunk by chunk.

    Args:
        most: bytes it may have, as sent and after decompression.
        encoding: the answer's Content-Encoding; gzip and deflate are undone though nobody asked for them.
        spill: the file that takes it when it grows beyond `IN_MEMORY_BYTES`.

    Attributes:
        head: its first 4 KiB.
        length: bytes so far, after decompression.

    Raises:
        Refused: WRONG_TYPE for an encoding that is not known.
    """

    def __init__(self, most: int, encoding: str, spill: Path) -> None:
        self.head = b""
        self.length = 0
        self._most = most
        self._came = 0
        self._hash = hashlib.sha256()
        self._pieces: list[bytes] = []
        self._spill = spill
        self._file: IO[bytes] | None = None
        encoding = encoding.strip().lower()
        if encoding not in (*_PLAIN, "gzip", "x-gzip", "deflate"):
            raise Refused(Reason.WRONG_TYPE)
        self._inflate = None if encoding in _PLAIN else zlib.decompressobj(_GZIP_OR_ZLIB)
        self._members = 1

    @property
    def asset_id(self) -> str:
        """sha256 of the bytes in hex."""
        return self._hash.hexdigest()

    def feed(self, chunk: bytes) -> None:
        """Take what came.

        Raises:
            Refused: TOO_LARGE, UNDECODABLE where it is not compressed as it claims, TRUNCATED where what follows a
                member of gzip is no other one.
            StageFailed: the disk does not take it.
        """
        self._came += len(chunk)
        if self._came > self._most:
            raise Refused(Reason.TOO_LARGE)
        if self._inflate is None:
            self._add(chunk)
            return
        while chunk:
            if self._inflate.eof:
                chunk = chunk.lstrip(b"\0")  # padding, which gzip passes over, too
                if not chunk:
                    return
                self._inflate = zlib.decompressobj(_GZIP)
                self._members += 1
            try:
                self._add(self._inflate.decompress(chunk, _INFLATED_AT_ONCE))
            except zlib.error as error:
                if self._members > 1:
                    raise Refused(Reason.TRUNCATED, passing=True) from error
                raise Refused(Reason.UNDECODABLE) from error
            chunk = self._inflate.unused_data if self._inflate.eof else self._inflate.unconsumed_tail

    def end(self) -> None:
        """No more comes.

        Raises:
            Refused: TRUNCATED (the compressed stream is not at its end), EMPTY.
        """
        if self._inflate is not None and not self._inflate.eof and self._came:
            raise Refused(Reason.TRUNCATED, passing=True)
        if not self.length:
            raise Refused(Reason.EMPTY)
        if self._file is not None:
            self._file.close()

    def discard(self) -> None:
        """Forget the bytes."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._spill.unlink(missing_ok=True)

    def opened(self) -> IO[bytes]:
        """The bytes, to read from their beginning."""
        return io.BytesIO(b"".join(self._pieces)) if self._file is None else self._spill.open("rb")

    def _add(self, piece: bytes) -> None:
        self.length += len(piece)
        if self.length > self._most:
            raise Refused(Reason.TOO_LARGE)
        self._hash.update(piece)
        if len(self.head) < SNIFFED_BYTES:
            self.head = (self.head + piece)[:SNIFFED_BYTES]
        if self.length <= IN_MEMORY_BYTES:
            self._pieces.append(piece)
            return
        try:
            self._to_file(piece)
        except OSError as error:
            # Our own disk's fault must not be taken for the network's.
            raise StageFailed(f"'fetch' cannot write {self._spill}: {error.strerror}") from error

    def _to_file(self, piece: bytes) -> None:
        if self._file is None:
            self._spill.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._spill.open("wb")
            self._file.writelines(self._pieces)
            self._pieces.clear()
        self._file.write(piece)
