"""What can go wrong in a way the user can mend, and what exit code it earns."""

from __future__ import annotations

import errno
import os


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


_NOT_OUR_BUG = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST}
    | {errno.ENAMETOOLONG}
)


def told_by_the_system(error: OSError) -> str | None:
    """One line for what only the user can mend (no permission, a full disk, a file in the way), else None."""
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    if error.filename is None and full:  # Arrow's writers name no file
        return f"{os.strerror(error.errno or 0).lower()}; free some space"
    if error.errno not in _NOT_OUR_BUG or error.filename is None:
        return None
    remedy = "free some space" if full else "name another place or change it"
    # Of a renaming the place it leads to: what is renamed is a temporary file.
    place = error.filename if error.filename2 is None else error.filename2
    return f"{place}: {(error.strerror or '').lower()}; {remedy}"
