"""Files that are either whole or not there: written under a temporary name, fsynced, renamed.

A temporary name begins with a dot, and no reader takes such a file for a part. It tells who writes it, so that
:func:`sweep` can remove what a killed writer left without touching what a living one is about to rename.

A folder may be the working copy of one in an object store (:mod:`m5tools.working_copy`). It is *followed*: what becomes
whole in it goes up before the writer goes on, so objects appear in the order in which files did.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import xxhash

from m5tools.errors import FULL, number_of, path_of

TEMPORARY = ".tmp-"


class Follower(Protocol):
    """Who is told what becomes of the files of a folder."""

    def wrote(self, path: Path) -> None:
        """A file is whole."""

    def removed(self, path: Path) -> None:
        """A file is gone."""

    def forgot(self, folder: Path) -> None:
        """A folder is about to go, with all that is in it."""


_followed: dict[Path, Follower] = {}


def follow(root: Path, follower: Follower) -> None:
    """Tell what becomes of the files below a folder, in this process.

    Args:
        root: as the paths begin that are written.
        follower: who is told.
    """
    _followed[root] = follower


def follower_of(path: Path) -> Follower | None:
    """Who is told of a path."""
    return next((who for root, who in _followed.items() if path.is_relative_to(root)), None) if _followed else None


def remove(path: Path) -> None:
    """Remove a file, also where its folder is followed; none is fine."""
    path.unlink(missing_ok=True)
    if (follower := follower_of(path)) is not None:
        follower.removed(path)


_NAME = re.compile(re.escape(TEMPORARY) + r"(?P<pid>\d+)@(?P<host>[^@]*)@.*")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to; on success it becomes `path`, on an exception it is removed.

    Raises:
        OSError: naming `path`, also where what was raised named the temporary file, or on a full disk none.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Also two threads of one process, ranks in a notebook say, may write the same file.
    writer = f"{os.getpid()}@{socket.gethostname()}@{threading.get_native_id()}"
    temporary = path.with_name(f"{TEMPORARY}{writer}-{path.name}")
    try:
        with naming(path, str(temporary)):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    sync_folder(path.parent)
    if (follower := follower_of(path)) is not None:
        follower.wrote(path)


@contextmanager
def naming(path: Path, *instead: str) -> Iterator[None]:
    """Let an error of the system name the file that is written inside.

    Args:
        path: the file.
        instead: other names of it, which tell a user nothing.

    Raises:
        OSError: naming `path`, where what was raised named one of these, or on a full disk none.
    """
    try:
        yield
    except Exception as error:
        number, named = number_of(error), path_of(error)
        if number is not None and (named in instead or (named is None and number in FULL)):
            raise OSError(number, os.strerror(number), str(path)) from error
        raise


def write_bytes(path: Path, data: bytes) -> None:
    """Write a whole small file."""
    with whole_file(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Write a whole JSON file, keys sorted, so that equal values give equal bytes."""
    write_bytes(path, (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode())


def sweep(folder: Path) -> None:
    """Remove the temporary files directly in a folder whose writer, a process of this machine, is no more."""
    for file in folder.glob(f"{TEMPORARY}*"):
        writer = _NAME.fullmatch(file.name)
        if writer and writer["host"] == socket.gethostname() and not is_running(int(writer["pid"])):
            file.unlink(missing_ok=True)


def is_running(pid: int) -> bool:
    """Whether there is a process of this number on this machine that may still write."""
    if pid < 1:  # to the system these are groups of processes
        return False
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return not _is_buried(pid)


def _is_buried(pid: int) -> bool:
    """Whether a process has ended and only waits for its parent to ask how; where the system tells."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state in ("Z", "X")


def sha256_of(path: Path) -> str:
    """The hex sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def xxh3_of(path: Path) -> str:
    """The hex xxh3-128 of a file's bytes."""
    digest = xxhash.xxh3_128()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make what was renamed in a folder durable (a no-op where the system cannot open folders)."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
