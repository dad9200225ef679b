"""Locations below a media root in an S3 store: judged as files of a folder are, and never asked for outside of it."""

from __future__ import annotations

import posixpath
from typing import Final

from m5tools import objects
from m5tools.bucket import Bucket
from m5tools.fetch.found import Found, examined, failed
from m5tools.store import within
from m5tools.vocabulary import Modality, Reason

_LONGEST_KEY: Final = 1_024  # bytes of UTF-8, of S3
_OTHER_VERSION: Final = "?versionId="
"""The client takes what follows for a version; the name before it would be another object."""


def look(location: str, modality: Modality, root: Bucket) -> Found:
    """Examine one location that is a path.

    Args:
        location: the path, every character of it literal.
        modality: what it was listed as.
        root: the source's media root, as :func:`m5tools.objects.plain` gives it.

    Raises:
        UsageError: there is no such bucket, or it may not be read.
        StageFailed: the store does not answer.
    """
    key = key_of(location, root.folder)
    if key is None:
        return failed(Reason.OUTSIDE_MEDIA_ROOT)
    place = within(root.folder, key)
    entry = root.entry(key) if key and _can_be(place) else None
    if entry is None:
        return failed(Reason.MISSING_FILE)
    try:
        return examined(place, entry.size, modality, lambda: objects.opened(root, key, entry.size))
    except FileNotFoundError:  # removed since
        return failed(Reason.MISSING_FILE)


def key_of(location: str, root: str) -> str | None:
    """What a path below a root is called there, as a file system would follow it; None where it leads out.

    A store has no links and follows no `..`: what the path says is all that counts, so no request is needed.
    """
    base = root.removeprefix(objects.S3)
    path = posixpath.normpath(f"{base}/{location}")
    if location.startswith("/") or not f"{path}/".startswith(f"{base}/"):
        return None
    return path[len(base) + 1 :]


def _can_be(place: str) -> bool:
    """Whether the client can ask for exactly this object."""
    key = place.removeprefix(objects.S3).partition("/")[2]
    return len(key.encode()) <= _LONGEST_KEY and "\0" not in key and _OTHER_VERSION not in key
