"""Where shards lie: a local folder, or an object store that fsspec knows (`s3://bucket/shards`).

Keys and endpoints are fsspec's matter: its configuration files, `FSSPEC_S3_…` and `AWS_…` in the environment. A client
is opened by the process that uses it, never inherited: its connections and its event loop would not survive a fork.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from m5tools.errors import UsageError

TRIES: Final = 6
FIRST_WAIT_S: Final = 0.1

T = TypeVar("T")


def is_remote(place: str | Path) -> bool:
    """Whether a place lies in an object store."""
    return "://" in str(place) and not str(place).startswith("file://")


def within(folder: str | Path, name: str) -> str:
    """The place of a file in a folder; a name that is a whole place itself stays."""
    if is_remote(name):
        return name
    if is_remote(folder):
        return f"{str(folder).rstrip('/')}/{name}"
    return str(Path(str(folder).removeprefix("file://")) / name)


class Store:
    """The file system of a kind of place, with patience: what fails is asked for again, after 0.1, 0.2, 0.4 … seconds.

    Args:
        folder: any place in it.

    Raises:
        UsageError: fsspec knows no such kind, or needs a package for it.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._pid = 0
        self._lock = threading.Lock()
        self._fs: Any = None
        self._client()

    def __reduce__(self) -> tuple[type[Store], tuple[str]]:
        return Store, (self.folder,)

    def size(self, place: str) -> int:
        """Bytes of a file.

        Raises:
            OSError: it is not there (FileNotFoundError), or the store does not answer.
        """
        return self._patiently(place, lambda fs: int(fs.info(place)["size"]))

    def version(self, place: str) -> str:
        """What changes when the file does, such as its ETag."""
        return self._patiently(place, lambda fs: str(fs.ukey(place)))

    def sizes(self, folder: str) -> dict[str, int]:
        """Bytes of every file of a folder, by its name."""
        listed = self._patiently(folder, lambda fs: fs.ls(folder, detail=True, refresh=True))
        return {entry["name"].rpartition("/")[2]: int(entry["size"] or 0) for entry in listed}

    def read(self, place: str) -> bytes:
        """A whole file."""
        return self._patiently(place, lambda fs: bytes(fs.cat_file(place)))

    def read_range(self, place: str, start: int, length: int) -> bytes:
        """Bytes of a file; fewer than asked for where it ends before.

        Raises:
            OSError: it is not there, or the store does not answer.
        """

        def get(fs: Any) -> bytes:
            try:
                return bytes(fs.cat_file(place, start=start, end=start + length))
            except FileNotFoundError:
                raise
            except Exception:  # stores refuse a range behind the end, each in its own way
                if start >= int(fs.info(place)["size"]):
                    return b""
                raise

        return self._patiently(place, get)

    def _client(self) -> Any:
        with self._lock:
            if self._pid != os.getpid():
                # fsspec costs time and memory that a local folder need not pay.
                import fsspec

                protocol = self.folder.partition("://")[0]
                try:
                    self._fs = fsspec.filesystem(protocol, skip_instance_cache=True)
                except (ImportError, ValueError) as error:
                    raise UsageError(f"{self.folder}: {error}") from error
                self._pid = os.getpid()
            return self._fs

    def _patiently(self, place: str, ask: Callable[[Any], T]) -> T:
        for attempt in range(TRIES):
            try:
                return ask(self._client())
            except (FileNotFoundError, PermissionError):
                raise
            except Exception as error:
                if attempt == TRIES - 1:
                    raise OSError(f"{place}: {TRIES} tries failed, the last with: {error}") from error
                time.sleep(FIRST_WAIT_S * 2**attempt)
        raise AssertionError("unreachable")
