"""A folder for temporary files that goes with its owner, and one day even where the owner was killed.

A living process holds a lock in its folder, which the system lets go when it dies; the next one that makes a folder
removes those of this user that nobody holds, and empty ones: a process may be killed before it has a lock. A lock and
not a process number: it is right in containers too. Where the file system has no locks, a folder goes with its owner
alone.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

_LOCK: Final = ".lock"
_NO_LOCK: Final = ".no-lock"


def shared_folder(owner: object, prefix: str) -> Path:
    """A new folder, removed with the owner, or by a later call with this prefix where this process is killed."""
    _reap(Path(tempfile.gettempdir()), prefix)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        try:
            held = _held(folder / _LOCK, os.O_CREAT)
        except FileNotFoundError:  # another process took it for one that was left, before there was a lock
            continue
        except OSError:
            with suppress(OSError):
                (folder / _NO_LOCK).touch()  # nobody takes the folder for one that was left
            (folder / _LOCK).unlink(missing_ok=True)
            weakref.finalize(owner, _remove, folder, None, os.getpid())
            return folder
        if held is not None and (folder / _LOCK).exists():
            weakref.finalize(owner, _remove, folder, held, os.getpid())
            return folder
        if held is not None:  # another process took it for one that was left, before the lock was held
            os.close(held)


def _reap(place: Path, prefix: str) -> None:
    """Remove the folders of this user that were left by processes that are no more."""
    for folder in place.glob(f"{prefix}*"):
        with suppress(OSError):
            if folder.is_symlink() or folder.lstat().st_uid != os.geteuid():
                continue
            try:
                held = _held(folder / _LOCK)
            except FileNotFoundError:
                folder.rmdir()
                continue
            if held is not None:
                remove(folder)
                os.close(held)


def remove(folder: Path) -> None:
    """Remove a folder that :func:`shared_folder` gave, its lock last: a later process tells by the lock what was left.

    What cannot be removed stays.
    """
    for path in folder.glob("*"):
        if path.name == _LOCK:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            with suppress(OSError):
                path.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def _held(lock: Path, flags: int = 0) -> int | None:
    """A descriptor that holds a lock file; None where another process does.

    Raises:
        FileNotFoundError: there is none.
        OSError: nothing can be locked here.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_NOFOLLOW | flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def _remove(folder: Path, held: int | None, owner: int) -> None:
    if os.getpid() == owner:  # a process that was forked ends before the owner does
        remove(folder)
        if held is not None:
            os.close(held)
