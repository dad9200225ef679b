"""Where input files are: local paths, or URIs of any file system that fsspec knows."""

from __future__ import annotations

import fnmatch
import glob
import io
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Final, cast

import fsspec

from m5tools.errors import UsageError

_BLOCK: Final = 1 << 20
_OF_THE_SYSTEM: Final = "lost+found"
OUTSIDE: Final = "{} is a link that leads out of the folder; put the file itself there"


def is_remote(path: str) -> bool:
    """Whether a path is a URI rather than a local path."""
    return "://" in path


def stored(path: str) -> IO[bytes]:
    """A file's bytes as they are stored."""
    if is_remote(path):
        # Its files read lines of any length only; these read no further than asked.
        return io.BufferedReader(cast(io.RawIOBase, _remote(path)), _BLOCK)
    return Path(path).open("rb")


def _remote(path: str) -> IO[bytes]:
    """
    Raises:
        UsageError: fsspec needs a package for this kind of URI.
    """
    try:
        return cast(IO[bytes], fsspec.open(path, "rb").open())
    except ImportError as error:
        raise UsageError(f"{path}: {error}") from error


def size_of(path: str) -> int:
    """How many bytes are stored."""
    if is_remote(path):
        fs, inside = fsspec.url_to_fs(path)
        return int(fs.size(inside))
    return Path(path).stat().st_size


def matching(pattern: str) -> list[str]:
    """The files and folders that a path, URI or glob matches (`**` goes through folders), sorted.

    Raises:
        UsageError: there is no such kind of URI, or what it names cannot be asked.
    """
    if is_remote(pattern):
        try:
            fs, inside = fsspec.url_to_fs(pattern)
            return sorted(fs.unstrip_protocol(found) for found in fs.glob(inside))
        except (ImportError, ValueError, OSError) as error:
            raise UsageError(f"{pattern}: {error}") from error
    _refuse_unreadable(pattern)
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - patterns may be absolute


def _refuse_unreadable(pattern: str) -> None:
    """Refuse a glob that leads into a folder whose names cannot be had; they would be passed over."""
    parts = Path(pattern).parts
    if glob.has_magic(pattern):
        _look_into(Path(*parts[:1]) if Path(pattern).is_absolute() else Path(), parts[Path(pattern).is_absolute() :])


def _look_into(folder: Path, steps: Sequence[str]) -> None:
    """Refuse where one of the folders that a glob goes through cannot be."""
    try:
        if not steps or not folder.is_dir():
            return
        if steps[0] == "**":
            for _, names, _ in os.walk(folder, onerror=_refuse):
                names[:] = [name for name in names if not name.startswith(".") and name != _OF_THE_SYSTEM]
        elif not glob.has_magic(steps[0]):
            _look_into(folder / steps[0], steps[1:])
        else:
            names = fnmatch.filter((found.name for found in folder.iterdir()), steps[0])
            hidden = steps[0].startswith(".")
            for name in names if len(steps) > 1 else ():
                if name.startswith(".") == hidden and name != _OF_THE_SYSTEM:
                    _look_into(folder / name, steps[1:])
    except OSError as error:
        _refuse(error)


def _refuse(error: OSError) -> None:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return  # then there is nothing in it
    raise _refusal(error) from error


def _refusal(error: OSError) -> UsageError:
    return UsageError(f"{error.filename} cannot be looked into: {error.strerror}; give the right to, or leave it out")


def files_below(folder: Path) -> list[Path]:
    """The files of a folder and of those in it, sorted.

    Raises:
        UsageError: the names in one of them cannot be had.
    """
    found = (Path(place, name) for place, _, names in os.walk(folder, onerror=_refuse) for name in names)
    try:
        return sorted(file for file in found if file.is_file())
    except PermissionError as error:
        raise _refusal(error) from error


def inside(path: str) -> list[str] | None:
    """The files below a folder, sorted; None where it is none. An address of the web is one page, whatever it lists."""
    if path.startswith(("http://", "https://")):
        return None
    if is_remote(path):
        fs, root = fsspec.url_to_fs(path)
        return sorted(map(fs.unstrip_protocol, fs.find(root))) if fs.isdir(root) else None
    found = Path(path)
    return list(map(str, files_below(found))) if found.is_dir() else None


def leads_out(file: Path, folder: Path) -> bool:
    """Whether a file is a link to something outside of the folder; a stranger's may lead to a private file."""
    return file.is_symlink() and not file.resolve().is_relative_to(folder.resolve())


def facts(path: str) -> list[tuple[str, int, str]]:
    """Name, size and state of a file, or of all files of a folder: what a change of it would change."""
    if is_remote(path):
        fs, inside = fsspec.url_to_fs(path)
        return [(fs.unstrip_protocol(file), int(fs.size(file)), fs.ukey(file)) for file in sorted(fs.find(inside))]
    found = Path(path)
    files = files_below(found) if found.is_dir() else [found] if found.is_file() else []
    return [(str(file), file.stat().st_size, str(file.stat().st_mtime_ns)) for file in files]


def absolute(path: str) -> str:
    """A path from the root of the file system on; URIs have their protocol for a first folder."""
    return f"/{path.replace('://', '/')}" if is_remote(path) else str(Path(path).absolute())
