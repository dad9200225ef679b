"""A folder in an S3 store that is written to: whole objects, and conditions under which they are written.

An object is there whole or not at all, which on a file system takes a renaming. With a condition on its version (its
ETag) a write says what it replaces, so of two that come at once one fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

from m5tools import object_names
from m5tools.errors import StageFailed, UsageError
from m5tools.store import Store, within

ONE_REQUEST: Final = 64 << 20
"""Bytes; larger files go up in parts, which the store puts together in one stroke."""
_AT_A_TIME: Final = 1000
_REFUSED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey", "404", "412", "409"})

T = TypeVar("T")


class Entry(NamedTuple):
    """An object in a listing.

    Attributes:
        size: bytes.
        version: its ETag.
    """

    size: int
    version: str


class Bucket(Store):
    """A folder of an S3 store.

    Args:
        folder: `s3://bucket/…`, without a slash at the end.
    """

    def __reduce__(self) -> tuple[type[Bucket], tuple[str]]:
        return Bucket, (self.folder,)

    def entries(self, inside: str = "") -> dict[str, Entry]:
        """All objects below the folder, or a folder inside, by path.

        Raises:
            UsageError: there is no such bucket, it may not be read, or no folder can be a copy of it.
        """
        found = self._told(lambda fs: fs.find(within(self.folder, inside), detail=True, refresh=True))
        above = f"{self.folder.partition('://')[2]}/"
        entries = {
            name.removeprefix(above): Entry(int(body["size"]), str(body["ETag"]))
            for name, body in found.items()
            if name.startswith(above) and not name.endswith("/")
        }
        object_names.refuse_others(entries, self.folder)
        return entries

    def entry(self, path: str) -> Entry | None:
        """One object; None where there is none."""
        try:
            body = self._told(lambda fs: fs.info(within(self.folder, path), refresh=True), path)
        except FileNotFoundError:
            return None
        return Entry(int(body["size"]), str(body["ETag"])) if body["type"] == "file" else None

    def put(self, path: str, file: Path) -> str:
        """Write a file's bytes as an object; gives its version."""
        if file.stat().st_size <= ONE_REQUEST:
            data = file.read_bytes()
            return str(self._told(lambda fs: fs.call_s3("put_object", Body=data, **self._key(fs, path)))["ETag"])
        self._told(lambda fs: fs.put_file(str(file), within(self.folder, path)))
        written = self.entry(path)
        if written is None:
            raise StageFailed(
                f"{within(self.folder, path)} was removed while it was written; run the same command again"
            )
        return written.version

    def put_if(self, path: str, data: bytes, replaces: str | None) -> str | None:
        """Write an object in place of one version of it, or where there is none; None where it is not so.

        Args:
            path: below the folder.
            data: its bytes.
            replaces: the version; None = there must be none.
        """
        condition = {"IfNoneMatch": "*"} if replaces is None else {"IfMatch": replaces}
        return self._told(
            lambda fs: _if_met(
                lambda: str(fs.call_s3("put_object", Body=data, **condition, **self._key(fs, path))["ETag"])
            )
        )

    def get(self, path: str, file: Path) -> None:
        """Copy an object into a file.

        Raises:
            FileNotFoundError: there is none.
        """
        self._told(lambda fs: fs.get_file(within(self.folder, path), str(file)), path)

    def stretch(self, path: str, offset: int, length: int) -> bytes:
        """Bytes of an object; fewer than asked for where it ends before.

        Raises:
            FileNotFoundError: there is none.
        """
        return self._told(lambda _: self.read_range(within(self.folder, path), offset, length), path)

    def look_in(self) -> None:
        """Ask whether the folder can be listed, though nothing may be in it.

        Raises:
            UsageError: there is no such bucket, or it may not be read.
        """
        self._told(lambda fs: fs.call_s3("list_objects_v2", MaxKeys=1, **self._prefix(fs)))

    def at(self, path: str) -> tuple[bytes, str] | None:
        """The bytes of a small object and its version; None where there is none."""

        def ask(fs: Any) -> tuple[bytes, str]:
            place = within(self.folder, path)
            while True:
                version = str(fs.info(place, refresh=True)["ETag"])
                data = bytes(fs.cat_file(place))
                if str(fs.info(place, refresh=True)["ETag"]) == version:
                    return data, version

        try:
            return self._told(ask)
        except FileNotFoundError:
            return None

    def remove(self, paths: Iterable[str]) -> None:
        """Remove objects; those that are not there are passed over."""
        several = list(paths)
        for start in range(0, len(several), _AT_A_TIME):
            some = several[start : start + _AT_A_TIME]

            def ask(fs: Any, some: list[str] = some) -> None:
                keys = [self._key(fs, path) for path in some]
                listed = {"Objects": [{"Key": key["Key"]} for key in keys], "Quiet": True}
                left = fs.call_s3("delete_objects", Bucket=keys[0]["Bucket"], Delete=listed).get("Errors")
                if left:
                    raise OSError(f"{left[0]['Key']}: {left[0].get('Message')}")

            self._told(ask)

    def remove_if(self, path: str, version: str) -> None:
        """Remove an object, if it is of this version."""
        self._told(
            lambda fs: _if_met(lambda: fs.call_s3("delete_object", IfMatch=version, **self._key(fs, path))),
        )

    def _key(self, fs: Any, path: str) -> dict[str, str]:
        bucket, key, _ = fs.split_path(within(self.folder, path))
        return {"Bucket": bucket, "Key": key}

    def _prefix(self, fs: Any) -> dict[str, str]:
        bucket, key, _ = fs.split_path(self.folder)
        return {"Bucket": bucket, "Prefix": f"{key}/" if key else ""}

    def _told(self, ask: Callable[[Any], T], path: str = "") -> T:
        """What the store answers; where it does not, or not to us, one line.

        Args:
            ask: asks it.
            path: the object that is asked for, below the folder.

        Raises:
            FileNotFoundError: there is no such object.
            UsageError: there is no such bucket, or it may not be read or written.
            StageFailed: it does not answer.
        """
        place = within(self.folder, path) if path else self.folder
        try:
            return self._patiently(place, lambda fs: _with_keys(ask, fs))
        except FileNotFoundError as error:
            if _code(error) == "NoSuchBucket":
                raise UsageError(
                    f"{self.folder}: there is no such bucket; make it, or see its name and AWS_ENDPOINT_URL"
                ) from error
            raise
        except PermissionError as error:
            raise UsageError(f"{place}: {error}; see the keys in AWS_… or fsspec's configuration") from error
        except OSError as error:
            raise StageFailed(f"{error}; run the same command again (finished units are kept)") from error


def _with_keys(ask: Callable[[Any], T], fs: Any) -> T:
    """
    Raises:
        PermissionError: there are no keys, which no waiting brings.
    """
    from botocore.exceptions import NoCredentialsError, PartialCredentialsError

    try:
        return ask(fs)
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise PermissionError(str(error)) from error


def _code(error: OSError) -> str | None:
    """What the store calls an error."""
    told: str | None = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
    return told


def _if_met(write: Callable[[], T]) -> T | None:
    try:
        return write()
    except OSError as error:
        if _code(error) in _REFUSED or isinstance(error, FileExistsError | FileNotFoundError):
            return None
        raise
