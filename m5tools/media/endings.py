"""Whether a media file ends before its own container says it should, told from the structure alone.

A cut file is the beginning of a whole one: its structure is right as far as it goes, and runs out. Where the structure
breaks before the end the file was damaged, and what follows the break says nothing. Noise reads like the beginning of
something now and then, most easily of a part so long that it reaches past the end: such a part must be of a kind that
the format has, and begin as that kind does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from m5tools.media.picture_endings import gif_is_cut, jpeg_is_cut, png_is_cut


def is_cut(data: bytes) -> bool | None:
    """True where bytes are missing at the end, None where the format does not tell its end."""
    for begins, told in _FORMATS:
        if begins(data):
            return told(data)
    return None


def _riff_is_cut(data: bytes) -> bool:
    claimed = int.from_bytes(data[4:8], "little") + 8
    return claimed < 0x8000_0000 and claimed > len(data) + 1  # streamed files claim a length of all ones


def _flac_is_cut(data: bytes) -> bool | None:
    """Walk the metadata blocks; in the frames behind them FLAC tells no end."""
    at, kind = 4, -1
    if data[4:8] not in (b"\x00\x00\x00\x22", b"\x80\x00\x00\x22"):
        return False  # the first block is STREAMINFO, of 34 bytes
    while at + 4 <= len(data):
        last, kind = data[at] >= 0x80, data[at] & 0x7F
        size, at = int.from_bytes(data[at + 1 : at + 4], "big"), at + 4
        body = data[at : at + size]
        # Pictures and comments are what makes a block long; what they begin with tells one from chance.
        comment = kind == 4 and int.from_bytes(body[:4], "little") <= size
        picture = kind == 6 and int.from_bytes(body[:4], "big") <= 20
        if kind > 6 or (at + size > len(data) and not (comment or picture or not any(body))):
            return False
        at += size
        if last:
            # Frames begin with a sync code (RFC 9639, section 9.1).
            return None if data[at : at + 2] in (b"\xff\xf8", b"\xff\xf9") else at >= len(data)
    return True


def _ogg_is_cut(data: bytes) -> bool:
    """Walk the pages (RFC 3533, section 6); the first holds one short packet."""
    at = 0
    while at < len(data):
        if data[at : at + 5] != b"OggS\0"[: len(data) - at]:
            return False
        if at + 27 > len(data):
            return True
        segments = data[at + 26]
        if at == 0 and segments != 1:
            return False
        at += 27 + segments + sum(data[at + 27 : at + 27 + segments])
    return at > len(data)


def _mp4_is_cut(data: bytes) -> bool:
    """Walk the outermost boxes: one that reaches past the end, or no `moov` before the end."""
    at, kinds = 0, set()
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], "big")
        kinds.add(data[at + 4 : at + 8])
        if size == 1:
            size = int.from_bytes(data[at + 8 : at + 16], "big")
        elif size == 0:
            size = len(data) - at
        if size < 8:
            return False
        at += size
    return at > len(data) or (b"mdat" in kinds and b"moov" not in kinds)


def _ebml_is_cut(data: bytes) -> bool:
    """The Segment element, right behind the EBML header, is longer than the file (unknown lengths aside)."""
    header, at = _ebml_size(data, 4)
    at += header or 0
    if header is None or data[at : at + 4] != b"\x18\x53\x80\x67":
        return False
    length, start = _ebml_size(data, at + 4)
    return length is not None and start + length > len(data)


def _ebml_size(data: bytes, at: int) -> tuple[int | None, int]:
    """An EBML variable-length size (None where all its bits are one) and the position behind it."""
    if at >= len(data) or data[at] == 0:
        return None, at
    width = 9 - data[at].bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), at + width


_FORMATS: Final[tuple[tuple[Callable[[bytes], bool], Callable[[bytes], bool | None]], ...]] = (
    (lambda data: data[:4] == b"RIFF", _riff_is_cut),
    (lambda data: data[4:8] == b"ftyp", _mp4_is_cut),
    (lambda data: data[:4] == b"\x1a\x45\xdf\xa3", _ebml_is_cut),
    (lambda data: data[:2] == b"\xff\xd8", jpeg_is_cut),
    (lambda data: data[:8] == b"\x89PNG\r\n\x1a\n", png_is_cut),
    (lambda data: data[:3] == b"GIF", gif_is_cut),
    (lambda data: data[:4] == b"fLaC", _flac_is_cut),
    (lambda data: data[:4] == b"OggS", _ogg_is_cut),
)
