"""Shards of an object store kept on this machine: every process on it, of any rank, shares one copy.

A shard is fetched under a lock file of its own into a file of another name and renamed when it is whole, so a killed
process leaves nothing that could be taken for a shard. Before the cap would be passed, those unused for longest go; a
process that still has one open reads on, for its bytes last as long as the descriptor.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

BLOCK: Final = 8 * 1024 * 1024
_WHOLE, _PART, _LOCK = ".shard", ".part", ".lock"


def default_folder() -> Path:
    """`$XDG_CACHE_HOME/m5tools/shards`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "m5tools" / "shards"


class NodeCache:
    """A folder of whole shards.

    Args:
        folder: where they are kept.
        limit: bytes of all of them together.
    """

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder = folder
        self.limit = limit

    def open(self, name: str, size: int, read: Callable[[int, int], bytes]) -> int:
        """A descriptor of a shard, fetched first where it is not here.

        Args:
            name: tells one shard, in one version, from all others.
            size: its bytes.
            read: gives `length` bytes from `start` on.

        Raises:
            OSError: it cannot be fetched, or this machine has no room for it.
        """
        file = self._file(name)
        found = _opened(file)
        if found is not None:
            return found
        self.folder.mkdir(parents=True, exist_ok=True)
        with _locked(file.with_suffix(_LOCK)):
            found = _opened(file)  # while this one waited, another may have fetched it
            return self._fetched(file, size, read) if found is None else found

    def drop(self, name: str) -> None:
        """Forget a shard whose copy here turned out wrong."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self.folder / (sha256(name.encode()).hexdigest()[:32] + _WHOLE)

    def _fetched(self, file: Path, size: int, read: Callable[[int, int], bytes]) -> int:
        part = file.with_suffix(_PART)
        descriptor = self._claimed(part, size)
        try:
            for start in range(0, size, BLOCK):
                _write(descriptor, read(start, min(BLOCK, size - start)), start)
            part.rename(file)
        except BaseException:
            os.close(descriptor)
            part.unlink(missing_ok=True)
            raise
        return descriptor

    def _claimed(self, part: Path, size: int) -> int:
        """A new file that claims its room at once; what was unused for longest makes way for it."""
        with _locked(self.folder / f"room{_LOCK}"):
            held = sorted(self._held())
            total = size + sum(bytes_ for _, bytes_, _ in held)
            for _, bytes_, file in held:
                if total > self.limit:
                    file.unlink(missing_ok=True)
                    total -= bytes_
            descriptor = os.open(part, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
            os.truncate(descriptor, size)
            return descriptor

    def _held(self) -> Iterator[tuple[int, int, Path]]:
        """Last use, bytes and path of every shard here or under way; what a killed process left grows old too."""
        for file in self.folder.iterdir():
            if file.suffix in (_WHOLE, _PART):
                with suppress(FileNotFoundError):
                    found = file.stat()
                    yield found.st_mtime_ns, found.st_size, file


def _opened(file: Path) -> int | None:
    """A descriptor, and the mark that the shard was used just now."""
    try:
        descriptor = os.open(file, os.O_RDONLY)
    except FileNotFoundError:
        return None
    os.utime(descriptor)
    return descriptor


def _write(descriptor: int, data: bytes, start: int) -> None:
    if os.pwrite(descriptor, data, start) < len(data):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Hold a lock file; the system lets it go when the process dies."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
