"""What can go wrong in a way the user can mend, and what exit code it earns."""

from __future__ import annotations

import errno
import os
import re
from typing import Final


class M5Error(Exception):
    """A failure with a message for the user: one line that says what is wrong and what to do."""

    exit_code = 1


class UsageError(M5Error):
    """The command, a config file or a path is wrong; nothing was done."""

    exit_code = 2


class StaleError(UsageError):
    """An input of this stage has changed or is missing; the message names the command to run first."""


class NotBuiltYet(M5Error):
    """A command whose work belongs to a later release. It does nothing and says so."""

    exit_code = 3


class StageFailed(M5Error):
    """A unit of work failed for good, or more items failed than `--max-failed-share` allows."""


FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What a file that is being written may meet; libraries tell it without the file's name."""
STARVED: Final = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f)",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENFILE: "close other programs, or raise the system's limit on open files (fs.file-max)",
    errno.ENOMEM: "free memory, raise its limit (ulimit -v), or use fewer --workers",
    errno.EIO: "see to the disk or the file server",
}
_REFUSED: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG}
)
# Polars tells the system's errors in words: `Too many open files (os error 24): /data/part-00003.parquet`.
# It shortens long paths from the front. Arrow's errors have a number and tell the file in words.
_IN_WORDS: Final = re.compile(r"\(os error (?P<number>\d+)\)(?:: (?P<path>(?:/|\.\.\.).*?)(?: \(set POLARS|$))?")
_OF_ARROW: Final = re.compile(r"local file '(?P<path>[^']+)'")


def number_of(error: BaseException) -> int | None:
    """The system's number of an error, where it has one."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    told = _IN_WORDS.search(str(error)) if _speaks_for_the_system(error) else None
    return None if told is None else int(told["number"])


def path_of(error: BaseException) -> str | None:
    """The file that an error of the system names."""
    if isinstance(error, OSError) and error.filename is not None:
        # Of a renaming the place it leads to: what is renamed is a temporary file.
        return str(error.filename if error.filename2 is None else error.filename2)
    if not _speaks_for_the_system(error):
        return None
    told = _IN_WORDS.search(str(error)) or _OF_ARROW.search(str(error))
    return None if told is None else told["path"]


def told_by_the_system(error: BaseException, somewhere: str | None = None) -> str | None:
    """One line for what only the user can mend (no permission, a full disk, no memory, a file in the way), else None.

    Args:
        error: what was raised, by Python or by Polars.
        somewhere: where it may have been, for what tells no file.
    """
    if isinstance(error, MemoryError) or (isinstance(error, ImportError) and "failed to map segment" in str(error)):
        return _line(somewhere, str(error).splitlines()[:1], errno.ENOMEM)
    number, path = number_of(error), path_of(error)
    if number in STARVED:
        return _line(path or somewhere, [], number)
    if number not in _REFUSED or path is None:
        return None
    return f"{path}: {os.strerror(number).lower()}; name another place or change it"


def _line(place: str | None, said: list[str], number: int) -> str:
    what = f"{os.strerror(number).lower()}{f' ({said[0]})' if said else ''}"
    return f"{f'{place}: ' if place else ''}{what}; {STARVED[number]}"


def _speaks_for_the_system(error: BaseException) -> bool:
    return isinstance(error, OSError) or type(error).__module__.startswith("polars")
