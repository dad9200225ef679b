"""The bytes of an asset, from the loose file, the object of a store or the pack that holds them."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from m5tools import objects, working_copy
from m5tools.media.guard import LIMITS, DecodeError, Limits
from m5tools.vocabulary import Reason


def read(
    root: Path, uri: str, offset: int, length: int, limits: Limits = LIMITS, *, sha256: str | None = None
) -> bytes:
    """Read one asset.

    Args:
        root: the dataset folder, from which relative paths are counted.
        uri: path of the file that holds the bytes, or `s3://…`.
        offset: where they begin in it.
        length: how many they are.
        limits: what it may cost.
        sha256: of the bytes in hex, as they were when they were fetched; None = they are not compared.

    Raises:
        DecodeError: MISSING_FILE where the file is gone or another one is in its place, TRUNCATED where it has become
            shorter, TOO_LARGE.
        UsageError: there is no such bucket, or it may not be read.
        StageFailed: the store does not answer.
    """
    if length > limits.bytes:
        raise DecodeError(Reason.TOO_LARGE, f"{length:,} bytes")
    try:
        if uri.startswith(objects.S3):
            bucket, name = objects.object_at(uri)
            data = bucket.stretch(name, offset, length)
        else:
            data = _from_file(root, uri, offset, length)
    except OSError as error:
        raise DecodeError(Reason.MISSING_FILE, str(error)) from error
    if len(data) < length:
        raise DecodeError(Reason.TRUNCATED, f"{len(data):,} of {length:,} bytes in {uri}")
    if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256:
        raise DecodeError(Reason.MISSING_FILE, f"{uri} holds other bytes than when it was fetched")
    return data


def _from_file(root: Path, uri: str, offset: int, length: int) -> bytes:
    # No Path and no file object: either costs as much as the reading.
    path = os.path.join(root, uri.removeprefix("file://"))  # noqa: PTH118
    try:
        file = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return _from_store(Path(path), offset, length)
    try:
        return _all_of(file, offset, length)
    finally:
        os.close(file)


def _from_store(path: Path, offset: int, length: int) -> bytes:
    """Bytes of a pack that is not in the working copy of a dataset in a store."""
    copy = working_copy.holding(path)
    if copy is None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return copy.read_range(path, offset, length)


def _all_of(file: int, offset: int, length: int) -> bytes:
    """Up to `length` bytes; one read may give fewer than there are."""
    data = os.pread(file, length, offset)
    while data and len(data) < length:
        more = os.pread(file, length - len(data), offset + len(data))
        if not more:
            break
        data += more
    return data
