"""Zip archives that hold files which their directory does not list: `cat a.zip b.zip`, or entries that were removed.

A reader of zip archives follows the directory at the end and never sees the rest. Here the bytes that no listed member
covers are looked through. Padding, data descriptors, signatures and the like lie there too, so only what reads as the
header of a member with content counts, or as content of a member that is listed as empty.
"""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Iterator
from typing import IO, Final, NamedTuple

_SIGN: Final = b"PK\x03\x04"
_HEADER: Final = struct.Struct("<4s5H3I2H")
_NOT_SMALLER: Final = _HEADER.size + 2
"""A member has a header, a name and content. Shorter gaps are extra fields and descriptors, and are not even read."""
_LONGEST_DESCRIPTOR: Final = 24
_EMPTY_DEFLATED: Final = 2
_STREAMED: Final = 8
_LATER: Final = 0xFFFFFFFF
_LATEST_VERSION: Final = 63
_METHODS: Final = frozenset((*range(13), 14, 16, 18, 19, 20, *range(93, 100)))
_BLOCK: Final = 1 << 20


class _Header(NamedTuple):
    """What stands before the content of a member."""

    streamed: bool
    packed: int
    unpacked: int
    begins: int

    @property
    def holds_something(self) -> bool:
        return self.streamed or self.packed > _EMPTY_DEFLATED or self.unpacked > 0


def unlisted(file: IO[bytes], archive: zipfile.ZipFile) -> str | None:
    """What a reject says of an archive that holds more than its directory lists; None where it does not."""
    size = file.seek(0, os.SEEK_END)
    for start, end in _uncovered(archive, size):
        for place in _signs(file, start, end):
            header = _header(file, place, end)
            if header is not None and header.holds_something:
                return (
                    f"at byte {place:,} of the archive begins a file that its directory does not list, as where two "
                    "archives are joined into one; what is not listed is not read; unpack them apart or pack anew"
                )
    for member, end in _listed_as_empty(archive):
        header = _header(file, member.header_offset, end)
        if header is not None and _has_content(file, header, end):
            return (
                f"the directory of the archive lists a file as empty that holds bytes from {header.begins:,} on; "
                "they are not read; pack it anew"
            )
    return None


def _ordered(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return sorted(archive.infolist(), key=lambda member: member.header_offset)


def _uncovered(archive: zipfile.ZipFile, size: int) -> Iterator[tuple[int, int]]:
    """Where no member lies that is listed: before, between and behind them, the directory and what follows included."""
    reached = 0
    for member in _ordered(archive):
        if member.header_offset - reached >= _NOT_SMALLER:
            yield reached, member.header_offset
        named = _HEADER.size + len(member.orig_filename)
        reached = max(reached, member.header_offset + named + member.compress_size)
    directory: int = getattr(archive, "start_dir", reached)
    if directory - reached >= _NOT_SMALLER:
        yield reached, directory
    if size > directory:
        yield directory, size


def _listed_as_empty(archive: zipfile.ZipFile) -> Iterator[tuple[zipfile.ZipInfo, int]]:
    """Members without content, each with where the next begins, where there is room for some."""
    members = _ordered(archive)
    directory: int = getattr(archive, "start_dir", 0)
    ends = (*(following.header_offset for following in members[1:]), directory)[: len(members)]  # there may be none
    for member, end in zip(members, ends, strict=True):
        named = _HEADER.size + len(member.orig_filename)
        if member.compress_size == 0 and end - member.header_offset > named:
            yield member, end


def _has_content(file: IO[bytes], header: _Header, end: int) -> bool:
    if not header.streamed:
        return header.packed > 0 and (header.packed == _LATER or header.begins + header.packed <= end)
    if end - header.begins <= _LONGEST_DESCRIPTOR:
        return False
    file.seek(header.begins + _LONGEST_DESCRIPTOR)
    return any(file.read(min(end - header.begins - _LONGEST_DESCRIPTOR, _BLOCK)))


def _signs(file: IO[bytes], start: int, end: int) -> Iterator[int]:
    """Where the sign of a header stands, block by block, for a gap may be as large as an archive."""
    while start < end:
        file.seek(start)
        block = file.read(min(_BLOCK, end - start))
        place = block.find(_SIGN)
        while place >= 0:
            yield start + place
            place = block.find(_SIGN, place + 1)
        if len(block) < _BLOCK:
            return
        start += len(block) - len(_SIGN) + 1


def _header(file: IO[bytes], place: int, end: int) -> _Header | None:
    """What a header says; None where these bytes are none, such as in a program that unpacks."""
    file.seek(place)
    data = file.read(_HEADER.size)
    if len(data) < _HEADER.size:
        return None
    sign, version, flags, method, _, _, _, packed, unpacked, name, extra = _HEADER.unpack(data)
    begins = place + _HEADER.size + name + extra
    fits = sign == _SIGN and version & 0xFF <= _LATEST_VERSION and method in _METHODS and name > 0 and begins <= end
    return _Header(bool(flags & _STREAMED), packed, unpacked, begins) if fits else None
