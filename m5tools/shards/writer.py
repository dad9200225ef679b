"""One tar: samples written member by member; every offset, checksum and the tar's own digest known as it is written.

`webdataset.TarWriter` sorts the members of a sample by name, which would put pictures before the JSON, and does not say
where it put them; the standard library's `tarfile` takes longer for a header than the system for a picture. So the tar
is put together here, a page of memory at a time: USTAR (POSIX.1-1988), no compression, fixed time, owner and mode, so
that equal samples give equal bytes. Files are read straight into the page, which is small enough to stay in the
processor's cache while it is hashed and written.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple

import xxhash

from m5tools import objects, working_copy
from m5tools.media.guard import DecodeError
from m5tools.vocabulary import Modality, Reason

BLOCK: Final = 512
PAGE: Final = 256 * 1024
END: Final = 2 * BLOCK
"""Zeros behind the last member; a tar is then filled up to a multiple of `tarfile.RECORDSIZE` (POSIX.1-1988)."""
JSON_MEMBER: Final = "json"
_NAME: Final = 100
_ZEROS: Final = bytes(BLOCK)
_HEAD: Final = b"0000644\0" + 2 * b"0000000\0"  # mode, owner, group
_TIME: Final = b"00000000000\0"
_TAIL: Final = b"0" + bytes(100) + b"ustar\00000" + bytes(247)
_SUM: Final = sum(_HEAD) + sum(_TIME) + sum(_TAIL) + 8 * ord(" ")  # its own field counts as spaces


class Stretch(NamedTuple):
    """Bytes that lie in a file.

    Attributes:
        path: the file, or `s3://…`.
        offset: where they begin.
        length: how many they are.
        sha256: of them in hex; None = they are not compared.
    """

    path: str
    offset: int
    length: int
    sha256: str | None = None


class Member(NamedTuple):
    """One file of a sample.

    Attributes:
        name: suffix behind the sample key, e.g. `image_0.jpg`.
        modality: what it holds; None for the JSON, which carries text and table.
        data: the bytes, or where they lie.
        asset_id: the file it was made from; None for the JSON.
        width, height: pixels of a picture or frame.
        duration_s: seconds of a sound or clip; seconds that a frame stands for.
    """

    name: str
    modality: Modality | None
    data: bytes | Stretch
    asset_id: str | None = None
    width: int | None = None
    height: int | None = None
    duration_s: float | None = None


class Place(NamedTuple):
    """Where a member went.

    Attributes:
        offset: byte at which its data begins.
        length: of its data, in bytes.
        xxh3: xxh3-64 of its data.
    """

    offset: int
    length: int
    xxh3: int


def header(name: str, length: int) -> bytes:
    """The header block of one member; name and length decide all of it.

    Raises:
        ValueError: a name of more than 100 bytes.
    """
    field = name.encode()
    if len(field) > _NAME:
        raise ValueError(f"'{name}' is too long for the name of a member")
    size = b"%011o\0" % length
    checksum = b"%06o\0 " % (_SUM + sum(field) + sum(size))
    return b"".join((field, bytes(_NAME - len(field)), _HEAD, size, _TIME, checksum, _TAIL))


def end(size: int) -> bytes:
    """What follows the last member of a tar whose members take `size` bytes."""
    return bytes(END + -(size + END) % tarfile.RECORDSIZE)


class TarWriter:
    """Writes one tar. Use as a context manager; the file is complete when the block is left without an exception.

    Args:
        path: file to create.

    Attributes:
        xxh3: xxh3-128 of the whole tar, in hex, once it is complete.
    """

    def __init__(self, path: Path) -> None:
        self._tar = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        self._page = memoryview(bytearray(PAGE))
        self._fill = 0
        self._written = 0
        self._digest = xxhash.xxh3_128()
        self._source: tuple[str, int] = ("", -1)
        self.xxh3 = ""

    def __enter__(self) -> TarWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._put(end(self.position))
                self._flush()
                self.xxh3 = self._digest.hexdigest()
        finally:
            self._let_go()
            os.close(self._tar)

    @property
    def position(self) -> int:
        """Byte at which the next member's header will begin."""
        return self._written + self._fill

    def add(self, key: str, member: Member) -> Place:
        """Append one member of a sample.

        Args:
            key: the sample's key; without a dot, for readers split names at the first one.
            member: the member.

        Raises:
            DecodeError: the file that holds the bytes is gone, ends before them, or holds others; the tar is as it was
                before.
            StageFailed: the store that has the file does not answer.
        """
        name, data = f"{key}.{member.name}", member.data
        if isinstance(data, Stretch):
            return self._copy(name, data)
        self._put(header(name, len(data)))
        offset = self.position
        self._put(data)
        self._put(bytes(-len(data) % BLOCK))
        return Place(offset, len(data), xxhash.xxh3_64_intdigest(data))

    def _copy(self, name: str, data: Stretch) -> Place:
        file = self._open(data.path)
        padding = -data.length % BLOCK
        whole = BLOCK + data.length + padding
        if whole > PAGE:
            return self._stream(file, name, data)
        if whole > PAGE - self._fill:
            self._flush()
        page, at = self._page, self._fill + BLOCK
        behind = at + data.length
        room = page[at:behind]
        self._read(file, data, room, 0)
        if data.sha256 is not None:
            _compare(hashlib.sha256(room).hexdigest(), data)
        page[self._fill : at] = header(name, data.length)
        page[behind : behind + padding] = _ZEROS[:padding]
        self._fill += whole
        return Place(self._written + at, data.length, xxhash.xxh3_64_intdigest(room))

    def _stream(self, file: int, name: str, data: Stretch) -> Place:
        """Copy what is larger than a page; where that fails in the middle, take it back."""
        self._flush()
        before, digest = self._written, self._digest.copy()
        try:
            self._put(header(name, data.length))
            offset, done, checksum = self.position, 0, xxhash.xxh3_64()
            sha256 = hashlib.sha256() if data.sha256 is not None else None
            while done < data.length:
                room = self._page[self._fill : self._fill + min(data.length - done, PAGE - self._fill)]
                self._read(file, data, room, done)
                checksum.update(room)
                if sha256 is not None:
                    sha256.update(room)
                done += len(room)
                self._fill += len(room)
                self._flush()
            if sha256 is not None:
                _compare(sha256.hexdigest(), data)
            self._put(bytes(-data.length % BLOCK))
        except DecodeError:
            os.ftruncate(self._tar, before)
            os.lseek(self._tar, before, os.SEEK_SET)
            self._digest, self._written, self._fill = digest, before, 0
            raise
        return Place(offset, data.length, checksum.intdigest())

    @staticmethod
    def _read(file: int, data: Stretch, room: memoryview, done: int) -> None:
        """Fill `room` with the bytes of a stretch behind the first `done`; one read may give fewer than there are."""
        at = 0
        while at < len(room):
            try:
                got = os.preadv(file, [room[at:] if at else room], data.offset + done + at)
            except OSError as error:
                raise DecodeError(Reason.MISSING_FILE, str(error)) from error
            if not got:
                raise DecodeError(Reason.TRUNCATED, f"{data.path} ends {data.length - done - at:,} bytes too early")
            at += got

    def _open(self, path: str) -> int:
        """A descriptor of a file; the last one is kept, for many stretches may lie in one file."""
        if self._source[0] != path:
            self._let_go()
            try:
                self._source = (path, _opened(path))
            except OSError as error:
                raise DecodeError(Reason.MISSING_FILE, str(error)) from error
        return self._source[1]

    def _let_go(self) -> None:
        if self._source[1] >= 0:
            os.close(self._source[1])
        self._source = ("", -1)

    def _put(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            if self._fill == PAGE:
                self._flush()
            part = data[at : at + PAGE - self._fill] if at or len(data) > PAGE - self._fill else data
            self._page[self._fill : self._fill + len(part)] = part
            self._fill += len(part)
            at += len(part)

    def _flush(self) -> None:
        page = self._page[: self._fill]
        self._digest.update(page)
        while page:
            page = page[os.write(self._tar, page) :]
        self._written += self._fill
        self._fill = 0


def _opened(path: str) -> int:
    """A descriptor of a file; it is brought first, where only a store has it."""
    if path.startswith(objects.S3):
        return _copied(path)
    try:
        return os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        copy = working_copy.holding(Path(path))
        if copy is None:
            raise
        copy.bring(Path(path))
        return os.open(path, os.O_RDONLY)


def _compare(found: str, data: Stretch) -> None:
    if found != data.sha256:
        raise DecodeError(Reason.MISSING_FILE, f"{data.path} holds other bytes than when it was fetched")


def _copied(uri: str) -> int:
    """A descriptor of a copy of an object that is gone from the disk when it is closed."""
    bucket, name = objects.object_at(uri)
    with tempfile.NamedTemporaryFile(prefix="m5-object-") as file:
        bucket.get(name, Path(file.name))
        return os.open(file.name, os.O_RDONLY)
