"""Where a web archive ends: with the last record that was read of it, or in something that was to be a record.

What reads the records takes a header that breaks off, or a compressed member that does, for the end of the archive.
"""

from __future__ import annotations

import gzip
import io
import re
import zlib
from typing import Final

_GZIP: Final = b"\x1f\x8b"
_FRAMES: Final = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18")
_SKIPPED_FRAME: Final = b"\x2a\x4d\x18"
_END_OF_HEADER: Final = re.compile(rb"\r?\n\r?\n")
_BLANK: Final = b"\r\n\t \0"
_LONGEST_HEADER: Final = 1 << 20
_BLOCK: Final = 1 << 14
"""Read at most at once: what lies before damage is given before the damage is met."""


class Last:
    """The last record that was read of an archive.

    Attributes:
        place: where it, or the compressed member that holds it, begins.
        length: bytes of its content; None = no record was read from `place` on.
        alone: whether no other record has this place.
        told: its row is a reject, so that it ends early need not be said.
    """

    def __init__(self, place: int) -> None:
        self.place = place
        self.length: int | None = None
        self.alone, self.told = True, False

    def read(self, place: int, length: int) -> None:
        self.alone = self.length is None or place != self.place
        self.place, self.length, self.told = place, length, False


class End:
    """The end of one archive.

    Args:
        file: the archive, plain or compressed.
    """

    def __init__(self, file: io.BufferedIOBase) -> None:
        self._file = file
        file.seek(0)
        self._first = file.read(4)
        self._unpacked = False  # an archive of one member, to its end

    def check(self, last: Last) -> None:
        """See whether anything is left behind the last record.

        Of a member with several records, and of Zstandard and LZ4, only whether it breaks off is told.

        Raises:
            EOFError: the archive ends within a record or a compressed member.
            OSError: something follows that is no record.
        """
        if self._first in _FRAMES or self._first[1:] == _SKIPPED_FRAME:
            return  # whoever reads these tells of frames that break off
        self._file.seek(last.place)
        packed = self._file.read(2) == _GZIP
        try:
            if packed:
                self._file.seek(last.place)
                member = gzip.GzipFile(fileobj=self._file)
                _check(member, last) if last.alone else _drain(member)
            elif not self._first.startswith(_GZIP):
                self._file.seek(last.place)
                _check(self._file, last)
            elif not self._unpacked:  # all records lie in one member, where no place is that of a record
                self._unpacked = True
                self._file.seek(0)
                _drain(gzip.GzipFile(fileobj=self._file))
        except zlib.error as error:
            raise OSError(f"what is left cannot be unpacked: {error}") from error


def _drain(rest: io.BufferedIOBase) -> None:
    while rest.read1(_BLOCK):
        pass


def _check(rest: io.BufferedIOBase, last: Last) -> None:
    held = b""
    if last.length is not None:
        try:
            held = _behind(rest, last.length)
        except EOFError:
            if last.told:
                return
            raise
    while held or (held := rest.read1(_BLOCK)):
        if held.strip(_BLANK):
            raise OSError("what follows the last record is none")
        held = b""


def _behind(rest: io.BufferedIOBase, length: int) -> bytes:
    """What has been read of what follows a record, given a record from its beginning on."""
    held = b""
    while (header := _END_OF_HEADER.search(held)) is None:
        held = (held + _more(rest)).lstrip(_BLANK)
        if len(held) > _LONGEST_HEADER:
            raise OSError("the header of a record has no end")
    left = header.end() + length
    while len(held) < left:
        left -= len(held)
        held = _more(rest)
    return held[left:]


def _more(rest: io.BufferedIOBase) -> bytes:
    block = rest.read1(_BLOCK)
    if not block:
        raise EOFError("it ends within a record")
    return block
