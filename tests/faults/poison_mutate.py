"""Damage to bytes, drawn by seed: flipped, cut, doubled, spliced, with numbers and words in them that break parsers."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from typing import Final

LONGEST: Final = 1 << 20
_MOST_CHANGES: Final = 4
_EDGES: Final = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1)
_WIDTHS: Final = (1, 2, 4, 8)

# What has broken one parser of text or another.
WORDS: Final = (
    b"\0", b"\xff", b"\xfe\xff", b"\xef\xbb\xbf", b"\xc0\x80", b"\xed\xa0\x80", b"\x1e", b"\r", b"\n", b"\r\n", b"\t",
    b'"', b"'", b"\\", b"{", b"}", b"[", b"]", b",", b";", b":", b"<", b">", b"&", b"</", b"/>", b"<!--", b"-->",
    b"<![CDATA[", b"]]>", b'<!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;&b;">]>', b"&c;", b"&#0;", b"&#xD800;",
    b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>", b"<?xml version='1.0' encoding='utf-7'?>", b"<script>", b"NaN",
    b"Infinity", b"-Infinity", b"1e999", b"-1e-999", b"9" * 400, b"0x7fffffff", b"1_000", b"\\ud800", b"\\udc00\\ud800",
    b"\\u0000", b"null", b"true", b"{}", b"[]", b'""', b'{"id":1,"id":[2]}', b"\xf3\xa0\x80\x81", b"\xe2\x80\xae",
    b"../../../../etc/passwd", b"file:///etc/passwd", b"http://169.254.169.254/", b"javascript:alert(1)",
    b"=cmd|' /C calc'!A0", b"!!python/object/apply:os.system ['false']", b"%s%n", b"{{7*7}}", b"\x1b[31m",
)  # fmt: skip
# Of these many in a row mean depth.
_NESTS: Final = (b"[", b'{"a":', b"<a>", b"<div>", b"((", b"- ", b"&a;", b'"\n"', b"\\", b"\0")

Change = Callable[[bytearray, random.Random, Sequence[bytes]], None]


def mutated(data: bytes, draws: random.Random, others: Sequence[bytes]) -> bytes:
    """Bytes with one to four changes, at most `LONGEST` of them.

    Args:
        data: a file that is whole.
        draws: decides everything.
        others: whole files of the kind, from which stretches are taken over.
    """
    body = bytearray(data)
    for _ in range(draws.randint(1, _MOST_CHANGES)):
        draws.choice(_CHANGES)(body, draws, others)
    return bytes(body[:LONGEST])


def flipped(data: bytes, draws: random.Random) -> bytes:
    """Bytes of the same length with one to sixteen bits flipped, anywhere but in the last tenth."""
    body = bytearray(data)
    for _ in range(draws.choice((1, 1, 2, 4, 16))):
        body[draws.randrange(len(body) * 9 // 10)] ^= 1 << draws.randrange(8)
    return bytes(body)


def _place(body: bytearray, draws: random.Random) -> int:
    """A place in it; heads and ends are where lengths and tables stand, so they are met more often."""
    size = len(body)
    where = draws.random()
    if where < 0.25:
        return draws.randint(0, min(size, 64))
    if where < 0.4:
        return draws.randint(max(0, size - 64), size)
    return draws.randint(0, size)


def _stretch(body: bytearray, draws: random.Random) -> slice:
    start = _place(body, draws)
    return slice(start, start + int(draws.paretovariate(0.6)))


def _flip(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    for _ in range(draws.choice((1, 1, 2, 8, 64))):
        if body:
            body[min(_place(body, draws), len(body) - 1)] ^= 1 << draws.randrange(8)


def _set(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    start = _place(body, draws)
    size = draws.randint(1, 16)
    body[start : start + size] = draws.randbytes(size)


def _number(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    width, start = draws.choice(_WIDTHS), _place(body, draws)
    value = (draws.choice(_EDGES) + draws.choice((-1, 0, 0, 1))) % 2 ** (8 * width)
    body[start : start + width] = value.to_bytes(width, draws.choice(("big", "little")))


def _delete(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    del body[_stretch(body, draws)]


def _double(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    part = bytes(body[_stretch(body, draws)])
    at = _place(body, draws)
    body[at:at] = part[:4_096] * draws.choice((1, 1, 2, 50))


def _cut(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    del body[_place(body, draws) :]


def _splice(body: bytearray, draws: random.Random, others: Sequence[bytes]) -> None:
    other = bytearray(draws.choice(others))
    at = _place(body, draws)
    body[at : at + draws.choice((0, 16, 1_000))] = other[_place(other, draws) :][: draws.choice((16, 256, 65_536))]


def _word(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    word = draws.choice(WORDS)
    at = _place(body, draws)
    body[at : at + draws.choice((0, len(word)))] = word


def _nest(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    at = _place(body, draws)
    body[at:at] = draws.choice(_NESTS) * draws.choice((3, 300, 3_000, 30_000))


def _lines(body: bytearray, draws: random.Random, _: Sequence[bytes]) -> None:
    lines = body.split(b"\n")
    one, other = draws.randrange(len(lines)), draws.randrange(len(lines))
    lines[one], lines[other] = lines[other], lines[one]
    body[:] = b"\n".join(lines)


_CHANGES: Final[tuple[Change, ...]] = (
    _flip, _flip, _set, _number, _number, _delete, _double, _cut, _splice, _word, _word, _nest, _lines
)  # fmt: skip


def with_png_sums(data: bytes) -> bytes:
    """A PNG whose checksums are right again, so that what they protect is looked at."""
    from zlib import crc32

    body, at = bytearray(data), 8
    while at + 12 <= len(body):
        (size,) = struct.unpack(">I", body[at : at + 4])
        if at + 12 + size > len(body):
            break
        body[at + 8 + size : at + 12 + size] = crc32(body[at + 4 : at + 8 + size]).to_bytes(4, "big")
        at += 12 + size
    return bytes(body)


def with_tar_sums(data: bytes) -> bytes:
    """A tar whose headers have the right checksums again (POSIX.1-1988), as far as blocks begin like headers."""
    body = bytearray(data)
    for at in range(0, len(body) - 511, 512):
        if body[at + 257 : at + 262] == b"ustar":
            body[at + 148 : at + 156] = b" " * 8
            body[at + 148 : at + 156] = b"%06o\0 " % sum(body[at : at + 512])
    return bytes(body)
