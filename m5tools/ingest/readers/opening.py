"""Input files, however they are packed, as streams of bytes.

Whether a file is gzip, Zstandard, bzip2, xz or a zip archive is told by its first bytes: suffixes lie, and a download
is often unpacked already. The members of an archive are inputs of their own; those that share bytes, and links, are
refused. What is damaged or cut off ends at the damage, with everything before it; the reader says so in a reject.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from copy import copy
from typing import IO, Any, Final, cast

import pyarrow as pa

from m5tools.errors import UsageError
from m5tools.ingest.readers.locations import stored
from m5tools.ingest.readers.row import Chunk, readable, refuse_folder
from m5tools.ingest.readers.streams import Streams
from m5tools.ingest.readers.zip_overlaps import overlapping
from m5tools.ingest.readers.zip_unlisted import unlisted

HEAD_BYTES = 1 << 20
_BUFFER = 1 << 18
_NO_END: Final = 1 << 62
_ENCRYPTED = 1
_UNIX: Final = 3
_NO_FILE: Final = "it is a link or a device, not a file; pack what it stands for"
_NO_NAME: Final = "it holds bytes and has no name of a file, but none or a folder's; pack the archive anew"
_ADDED_BY_MACOS: Final = "__MACOSX/"
_EMPTY_DEFLATED: Final = 2
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")
_DAMAGE = (EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, NotImplementedError)
_ZSTD_FRAMES: Final = (b"\x28\xb5\x2f\xfd", *(bytes((first, 0x2A, 0x4D, 0x18)) for first in range(0x50, 0x60)))
"""The second and later begin frames to be skipped: pzstd writes one before each frame of content."""
_CODECS: Final[dict[bytes, Callable[[IO[bytes]], Any]]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": lambda file: Streams(file, bz2.BZ2Decompressor),
    b"\xfd7zXZ\0": lambda file: Streams(file, lzma.LZMADecompressor),
    **dict.fromkeys(_ZSTD_FRAMES, lambda file: pa.CompressedInputStream(pa.PythonFile(file, mode="r"), "zstd")),
}


def whole_files(path: str, name: str) -> list[Chunk]:
    """A file as one chunk, an archive as one a member, in the order of their names.

    Raises:
        UsageError: it cannot be read, or is an archive that does not say clearly what is in it.
    """
    refuse_folder(path)
    with readable(name), stored(path) as file:
        if file.read(4) not in _ZIP:
            return [Chunk(path, name)]
        with zipfile.ZipFile(file) as archive:
            files = [m for m in archive.infolist() if _is_input(m)]
            refused = overlapping(archive) | {m.filename: _NO_FILE for m in files if not _is_regular(m)}
            refused |= {m.filename: _NO_NAME for m in files if not _is_named(m)}
            more = unlisted(file, archive)
    members = sorted(m.filename for m in files)
    if not members:
        raise UsageError(f"{name}: the archive holds no file; leave it out")
    if len(set(members)) < len(members):
        raise UsageError(f"{name}: the archive holds two files of one name; unpack it and rename one")
    if any(m.flag_bits & _ENCRYPTED for m in files):
        raise UsageError(f"{name}: the archive is encrypted; unpack it")
    chunks = [Chunk(path, f"{name}/{member}", member=member, refused=refused.get(member)) for member in members]
    return chunks if more is None else [*chunks, Chunk(path, name, refused=more)]


def _is_input(member: zipfile.ZipInfo) -> bool:
    """Whether a member of an archive was put there on purpose and is no mere folder; some packers deflate those."""
    holds_bytes = member.file_size > 0 or member.compress_size > _EMPTY_DEFLATED
    return (_is_named(member) or holds_bytes) and not member.filename.startswith(_ADDED_BY_MACOS)


def _is_named(member: zipfile.ZipInfo) -> bool:
    """Whether a member has the name of a file. A damaged name may begin with NUL, and none is left."""
    return bool(member.filename) and not member.filename.endswith("/")


def _is_regular(member: zipfile.ZipInfo) -> bool:
    """Whether a member is no link and no device; what was packed elsewhere than under Unix says nothing of it."""
    kind = stat.S_IFMT(member.external_attr >> 16)
    # What is packed from a pipe (`… | zip crawl.zip -`) is called one, and holds what came through it.
    return kind in (0, stat.S_IFREG, stat.S_IFIFO) or member.create_system != _UNIX


def is_plain(path: str, name: str) -> bool:
    """Whether a file is neither compressed nor an archive: then it can be read from any place."""
    with readable(name), stored(path) as file:
        head = file.read(8)
    return not head.startswith((*_ZIP, *_CODECS))


class Source:
    """An opened input.

    Attributes:
        file: its bytes, unpacked.
        damage: what ended it before its end, once that was met.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self.file = file
        self.damage: str | None = None


@contextmanager
def opened(chunk: Chunk) -> Iterator[Source]:
    """The bytes of the file or member that a chunk is of.

    Raises:
        UsageError: the file system does not give the file.
    """
    if chunk.refused is not None:
        source = Source(io.BytesIO())
        source.damage = chunk.refused
        yield source
        return
    with readable(chunk.name), ExitStack() as stack:
        file = stack.enter_context(stored(chunk.path))
        if chunk.member is None and _codec(_head(file)) is None:
            yield Source(file)
            return
        source = Source(file)
        tolerant = _Tolerant(lambda: _unpacked(stack.enter_context(stored(chunk.path)), chunk.member, stack), source)
        source.file = stack.enter_context(io.BufferedReader(tolerant, _BUFFER))
        yield source


def head_of(chunk: Chunk) -> bytes:
    """The first bytes of an input, unpacked."""
    with opened(chunk) as source:
        return source.file.read(HEAD_BYTES)


def _head(file: IO[bytes]) -> bytes:
    head = file.read(8)
    file.seek(0)
    return head


def _codec(head: bytes) -> Callable[[IO[bytes]], Any] | None:
    return next((codec for magic, codec in _CODECS.items() if head.startswith(magic)), None)


def _unpacked(file: IO[bytes], member: str | None, stack: ExitStack) -> IO[bytes]:
    """The unpacked stream from its beginning; a compressed member of an archive is unpacked twice."""
    inner: IO[bytes] = file
    if member is None:
        head = _head(file)
    else:
        archive = stack.enter_context(zipfile.ZipFile(file))
        with archive.open(member) as start:
            head = start.read(8)
        inner = cast(IO[bytes], _Checked(archive, member))
    codec = _codec(head)
    return inner if codec is None else codec(inner)


class _Checked(io.RawIOBase):
    """A member of an archive. Its checksum is compared behind its last byte: `zipfile` keeps the last bytes back.

    It is unpacked to the end of what is packed, whatever size the directory says: `zipfile` would leave the rest out.
    """

    def __init__(self, archive: zipfile.ZipFile, member: str) -> None:
        info = copy(archive.getinfo(member))
        self._wanted, self._sum = info.CRC, 0
        self._left = info.file_size
        del info.CRC
        info.file_size = _NO_END
        self._file = cast(zipfile.ZipExtFile, archive.open(info))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read1(len(buffer))
        self._sum = zlib.crc32(data, self._sum)
        self._left -= len(data)
        if not data and len(buffer) and self._sum != self._wanted:
            raise zipfile.BadZipFile("its checksum differs")
        if not data and len(buffer) and self._left:
            raise zipfile.BadZipFile("its size differs")
        buffer[: len(data)] = data
        return len(data)


class _Tolerant(io.RawIOBase):
    """A stream that ends where its packing is damaged.

    Some decoders keep back what they had unpacked in the call that failed; it is then unpacked again, byte by byte.
    """

    def __init__(self, start: Callable[[], IO[bytes]], source: Source) -> None:
        self._start, self._source = start, source
        self._inner: IO[bytes] | None = None
        self._given = 0
        self._size: int | None = None

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        """Give back what the decoder holds: 8 MB of xz, and a cycle may keep its file for long."""
        if not self.closed:
            self._drop()
        super().close()

    def _drop(self) -> None:
        if self._inner is not None:
            self._inner.close()
        self._inner = None

    def readinto(self, buffer: Any) -> int:
        if self._source.damage is not None:
            return 0
        size = self._size or len(buffer)
        try:
            if self._inner is None:
                self._inner = self._start()
                self._skip(self._inner)
            data = self._inner.read(size)
        except (*_DAMAGE, OSError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # what the file system says of a good file is no damage
            if self._size is None:
                self._drop()
                self._size = 1
                return self.readinto(buffer)
            self._source.damage = f"the file is damaged or cut off: {error}"
            return 0
        buffer[: len(data)] = data
        self._given += len(data)
        return len(data)

    def _skip(self, file: IO[bytes]) -> None:
        left = self._given
        while left and (part := file.read(min(left, _BUFFER))):
            left -= len(part)
