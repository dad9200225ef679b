"""Whether a JPEG, PNG or GIF ends before its own end mark: its parts walked one by one, each held against its format.

Sources: ITU-T T.81 (JPEG), W3C PNG (third edition) with its register of extensions, CompuServe GIF89a.
"""

from __future__ import annotations

import re
import zlib
from typing import Final

_START, _END, _SCAN = 0xD8, 0xD9, 0xDA
_ALONE: Final = frozenset({0x01, *range(0xD0, 0xD8)})
"""JPEG markers without a length (B.1.1.3)."""
_AFTER_SCAN: Final = re.compile(rb"\xff+[^\x00\xff\xd0-\xd7]")
"""What ends coded data: in it 0xFF is followed by zero, or is a restart (B.1.1.5)."""
_FRAMES: Final = frozenset({*range(0xC0, 0xD0), 0xDE}) - {0xC4, 0xC8, 0xCC}
_NAMED: Final = frozenset({*range(0xE0, 0xF0), 0xFE})
"""Segments of applications, which begin with a name, and comments."""
_SHORT: Final = frozenset({0xCC, 0xDC, 0xDD, 0xDF})
_QUANTISATION: Final = frozenset(2 + 65 * narrow + 129 * wide for narrow in range(5) for wide in range(5 - narrow)) - {
    2
}
"""Lengths of up to four tables of 64 values of one or two bytes (B.2.4.1)."""
_WORD: Final = re.compile(rb"[ -~]{4}")

_CHUNKS: Final = frozenset(
    b"IHDR PLTE IDAT IEND tRNS cHRM gAMA iCCP sBIT sRGB cICP mDCV cLLI tEXt zTXt iTXt bKGD hIST pHYs sPLT eXIf tIME "
    b"acTL fcTL fdAT oFFs pCAL sCAL gIFg gIFx gIFt sTER dSIG caBX".split()
)

_EXTENSION, _PICTURE = 0x21, 0x2C
_EXTENSIONS: Final = {0xF9: (4,), 0xFF: (11,), 0x01: (12,), 0xFE: range(256)}
"""Label → how long its first sub-block can be."""


def jpeg_is_cut(data: bytes) -> bool:
    """Walk segments and coded data to the end of image (annex B); thumbnails, with ends of theirs, lie in segments."""
    at, scanned = 2, False
    while at + 2 <= len(data):
        marker = data[at + 1]
        if data[at] != 0xFF or marker in (_START, _END) or not (marker >= 0xC0 or marker in _ALONE):
            return False
        if marker == 0xFF or marker in _ALONE:
            at += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        if length < 2 and at + 4 <= len(data):
            return False
        begun = data[at + 4 : at + 2 + length]
        at += 2 + length
        # What is whole shows by the marker behind it; what reaches past the end, or opens coded data, has only itself.
        if (at > len(data) or marker == _SCAN) and begun and not _is_segment(marker, length, begun):
            return False
        if scanned and marker in _NAMED:  # they stand in front of the picture
            return False
        if marker == _SCAN:
            scanned = True
            behind = _AFTER_SCAN.search(data, at)
            if behind is None:
                return True
            at = behind.end() - 2
    return True


def _is_segment(marker: int, length: int, begun: bytes) -> bool:
    """Whether a segment can be so long and begin so (B.2.2 to B.2.4)."""
    if marker in _NAMED:
        return _WORD.match(begun) is not None or len(begun) < 4
    if marker in _FRAMES:
        return len(begun) < 6 or length == 8 + 3 * begun[5]
    if marker == _SCAN:
        return 1 <= begun[0] <= 4 and length == 6 + 2 * begun[0]
    if marker == 0xDB:
        return length in _QUANTISATION
    if marker == 0xC4:
        return 19 <= length <= 2 + 8 * (17 + 256) and begun[0] & 0xEC == 0
    return marker in _SHORT and length <= 34


def png_is_cut(data: bytes) -> bool:
    """Walk the chunks, whose checksums tell what is whole, to IEND."""
    at = 8
    while at + 8 <= len(data):
        size, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if at == 8 and (size, kind) != (13, b"IHDR"):
            return False
        behind = at + 12 + size
        if behind > len(data):
            return kind in _CHUNKS and size < 2**31
        whole = int.from_bytes(data[behind - 4 : behind], "big") == zlib.crc32(data[at + 4 : behind - 4])
        if not whole or kind == b"IEND":
            return False
        at = behind
    return True


def gif_is_cut(data: bytes) -> bool:
    """Walk the blocks and their sub-blocks to the trailer."""
    at = 13 + _table(data[10:11])
    while at < len(data):
        if not _is_block(data, at):
            return False
        at += 2 if data[at] == _EXTENSION else 11 + _table(data[at + 9 : at + 10])
        while at < len(data) and data[at]:
            at += 1 + data[at]
        at += 1
    return True


def _table(packed: bytes) -> int:
    """Bytes of the colour table that a packed field announces."""
    return 3 << 1 + (packed[0] & 7) if packed and packed[0] & 0x80 else 0


def _is_block(data: bytes, at: int) -> bool:
    """Whether an extension that exists begins here, or a picture within the screen."""
    if data[at] == _EXTENSION:
        return at + 3 > len(data) or data[at + 2] in _EXTENSIONS.get(data[at + 1], ())
    if data[at] != _PICTURE:
        return False
    width, height = (int.from_bytes(data[place : place + 2], "little") for place in (6, 8))
    left, top, across, down = (int.from_bytes(data[at + place : at + place + 2], "little") for place in (1, 3, 5, 7))
    return at + 10 > len(data) or (0 < across <= width - left and 0 < down <= height - top)
