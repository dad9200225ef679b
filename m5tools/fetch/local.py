"""Locations that are paths: inside the media root, there, not empty, of the listed kind, named by their bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from m5tools.bucket import Bucket
from m5tools.fetch import in_bucket
from m5tools.fetch.found import PENDING, Found, examined, failed
from m5tools.vocabulary import Modality, Reason, State

Root = Path | Bucket
"""A media root: a folder on this machine or in an S3 store."""


def is_url(location: str) -> bool:
    """Whether a location is on the network, as opposed to a path or a `file:` URL."""
    return "://" in location and location[:5].lower() != "file:"


def look(location: str, modality: Modality, root: Root | None) -> Found:
    """Examine one location.

    Args:
        location: a URL, or a path below `root`.
        modality: what it was listed as.
        root: the source's media root.

    Returns:
        `pending` for a URL; `failed` with a reason for what cannot be had; else the asset.

    Raises:
        UsageError: there is no such bucket, or it may not be read.
        StageFailed: the store does not answer.
    """
    if is_url(location):
        return PENDING
    if location[:5].lower() == "file:":
        return failed(Reason.OUTSIDE_MEDIA_ROOT)
    if root is None:
        return failed(Reason.MISSING_FILE)
    return (
        in_bucket.look(location, modality, root) if isinstance(root, Bucket) else _in_folder(location, modality, root)
    )


def look_as_any(location: str, modalities: Sequence[Modality], roots: Sequence[Root | None]) -> tuple[Modality, Found]:
    """What is at a location, below the first root that has it, as the first modality that its bytes fit."""
    first, *others = modalities
    for root in roots:
        best = first, look(location, first, root)
        for modality in others if best[1].reason == Reason.WRONG_TYPE else ():
            found = look(location, modality, root)
            if found.state == State.PRESENT:
                best = modality, found
                break
        if best[1].reason != Reason.MISSING_FILE:
            break
    return best


def _in_folder(location: str, modality: Modality, root: Path) -> Found:
    try:
        base = root.resolve()
        path = (base / location).resolve()
        if not path.is_relative_to(base):
            return failed(Reason.OUTSIDE_MEDIA_ROOT)
        if not path.is_file():
            return failed(Reason.MISSING_FILE)
        return examined(str(path), path.stat().st_size, modality, lambda: path.open("rb"))
    except (OSError, ValueError, RuntimeError):
        # A name the system refuses (too long, a NUL inside, a loop of links) or a file that cannot be opened.
        return failed(Reason.MISSING_FILE)
