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
_BLOCK: Final = 1 << 20
"""Read at most at once: what lies before damage is given before the damage is met."""


def check_end(file: io.BufferedIOBase, last: int, length: int | None, *, told: bool) -> None:
    """See whether anything is left behind the last record.

    Args:
        file: the archive, plain or compressed.
        last: where the record, or the compressed member that holds it, begins.
        length: bytes of the record's content; None = no record was read from `last` on.
        told: its row is a reject, so that this record ends early need not be said.

    Raises:
        EOFError: the archive ends within a record or a compressed member.
        OSError: something follows that is no record.
    """
    file.seek(0)
    first = file.read(4)
    if first in _FRAMES or first[1:] == _SKIPPED_FRAME:
        return  # whoever reads Zstandard and LZ4 tells of frames that break off
    file.seek(last)
    packed = file.read(2) == _GZIP
    in_one_member = first.startswith(_GZIP) and not packed  # where no place is that of a record
    file.seek(0 if in_one_member else last)
    rest: io.BufferedIOBase = gzip.GzipFile(fileobj=file) if packed or in_one_member else file
    try:
        if in_one_member:
            _drain(rest)
        else:
            _check(rest, length, told)
    except zlib.error as error:
        raise OSError(f"what is left cannot be unpacked: {error}") from error


def _drain(rest: io.BufferedIOBase) -> None:
    while rest.read1(_BLOCK):
        pass


def _check(rest: io.BufferedIOBase, length: int | None, told: bool) -> None:
    held = b""
    if length is not None:
        try:
            held = _behind(rest, length)
        except EOFError:
            if told:
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
        held += _more(rest)
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
