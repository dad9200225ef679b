"""Locations on this machine: inside the media root, there, not empty, of the listed kind, named by their bytes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from m5tools.media import guard
from m5tools.vocabulary import Modality, Reason, State

SNIFFED_BYTES = 4_096
# An MP4 or WebM may be listed as a sound file: its sound track is what is meant.
_ALSO = {Modality.AUDIO: (Modality.VIDEO,)}


@dataclass(frozen=True)
class Found:
    """What is at a location: an asset, or the state and reason why there is none."""

    state: State
    reason: Reason
    asset_id: str | None = None
    mime: str | None = None
    path: Path | None = None
    length: int = 0


def look(location: str, modality: Modality, root: Path | None) -> Found:
    """Examine one location.

    Args:
        location: a URL, or a path below `root`.
        modality: what it was listed as.
        root: the source's media root.

    Returns:
        `pending` for a URL; `failed` with a reason for what cannot be had; else the asset.
    """
    if "://" in location and not location.startswith("file:"):
        return Found(State.PENDING, Reason.NOT_FETCHED)
    if root is None:
        return _failed(Reason.MISSING_FILE)
    try:
        base = root.resolve()
        path = (base / location).resolve()
        if location.startswith("file:") or not path.is_relative_to(base):
            return _failed(Reason.OUTSIDE_MEDIA_ROOT)
        if not path.is_file():
            return _failed(Reason.MISSING_FILE)
        return _examine(path, modality)
    except (OSError, ValueError, RuntimeError):
        # A name the system refuses (too long, a NUL inside, a loop of links) or a file that cannot be opened.
        return _failed(Reason.MISSING_FILE)


def _examine(path: Path, modality: Modality) -> Found:
    length = path.stat().st_size
    if length == 0:
        return _failed(Reason.EMPTY)
    if length > guard.LIMITS.bytes:
        return _failed(Reason.TOO_LARGE)
    with path.open("rb") as file:
        kind, mime = guard.sniff(file.read(SNIFFED_BYTES))
        if kind is not None and kind != modality and kind not in _ALSO.get(modality, ()):
            return _failed(Reason.WRONG_TYPE)
        if kind is None and mime.startswith("text/"):
            return _failed(Reason.WRONG_TYPE)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Found(State.PRESENT, Reason.NONE, digest, mime, path, length)


def _failed(reason: Reason) -> Found:
    return Found(State.FAILED, reason)
