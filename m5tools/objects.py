"""Objects in an S3 store that belong to no dataset there: named by their address, read and never written."""

from __future__ import annotations

import io
import posixpath
from functools import cache
from typing import TYPE_CHECKING, Final

from m5tools.bucket import Bucket
from m5tools.errors import StageFailed
from m5tools.store import within

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

S3: Final = "s3://"
ONE_READ: Final = 4 << 20
"""Bytes that are asked for at once where an object is read from end to end."""


def plain(uri: str) -> str:
    """A folder of an S3 store in one form: `s3://bucket/…` without a slash at the end.

    Raises:
        ValueError: it is none, or is named in a roundabout way.
    """
    kind, _, place = uri.partition("://")
    place = place.rstrip("/")
    if kind not in ("s3", "s3a") or not place or place.startswith("/") or posixpath.normpath(place) != place:
        raise ValueError("name a folder on this machine, or s3://bucket/folder without empty names, '.' and '..'")
    return f"{S3}{place}"


@cache
def folder_at(uri: str) -> Bucket:
    """A folder of a store, opened once in a process.

    Args:
        uri: as :func:`plain` gives it.
    """
    return Bucket(uri)


def object_at(uri: str) -> tuple[Bucket, str]:
    """The bucket of an object, opened once in a process, and the object's path in it.

    Args:
        uri: `s3://bucket/…`.
    """
    name, _, path = uri.removeprefix(S3).partition("/")
    return folder_at(f"{S3}{name}"), path


def opened(bucket: Bucket, path: str, size: int) -> io.BufferedReader:
    """An object as a file to read; a small one takes a single request.

    Args:
        bucket: the folder it lies in.
        path: where in it.
        size: its bytes.

    Raises:
        FileNotFoundError: on reading, there is none.
        StageFailed: on reading, it has become shorter.
    """
    return io.BufferedReader(_Ranges(bucket, path, size), max(1, min(size, ONE_READ)))


class _Ranges(io.RawIOBase):
    """An object's bytes, a request for each stretch."""

    def __init__(self, bucket: Bucket, path: str, size: int) -> None:
        self._bucket = bucket
        self._path = path
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, room: WriteableBuffer) -> int:
        view = memoryview(room)
        wanted = min(len(view), self._size - self._at)
        if wanted <= 0:
            return 0
        data = self._bucket.stretch(self._path, self._at, wanted)
        if len(data) < wanted:
            place = within(self._bucket.folder, self._path)
            raise StageFailed(f"{place} became shorter while it was read; run the same command again")
        view[:wanted] = data
        self._at += wanted
        return wanted
