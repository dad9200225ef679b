"""Locations on this machine: inside the media root, there, not empty, of the listed kind, named by their bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from m5tools.fetch.found import PENDING, SNIFFED_BYTES, Found, failed, judged
from m5tools.media import guard
from m5tools.vocabulary import Modality, Reason, State


def is_url(location: str) -> bool:
    """Whether a location is on the network, as opposed to a path or a `file:` URL."""
    return "://" in location and location[:5].lower() != "file:"


def look(location: str, modality: Modality, root: Path | None) -> Found:
    """Examine one location.

    Args:
        location: a URL, or a path below `root`.
        modality: what it was listed as.
        root: the source's media root.

    Returns:
        `pending` for a URL; `failed` with a reason for what cannot be had; else the asset.
    """
    if is_url(location):
        return PENDING
    if location[:5].lower() == "file:":
        return failed(Reason.OUTSIDE_MEDIA_ROOT)
    if root is None:
        return failed(Reason.MISSING_FILE)
    try:
        base = root.resolve()
        path = (base / location).resolve()
        if not path.is_relative_to(base):
            return failed(Reason.OUTSIDE_MEDIA_ROOT)
        if not path.is_file():
            return failed(Reason.MISSING_FILE)
        return _examine(path, modality)
    except (OSError, ValueError, RuntimeError):
        # A name the system refuses (too long, a NUL inside, a loop of links) or a file that cannot be opened.
        return failed(Reason.MISSING_FILE)


def look_as_any(location: str, modalities: list[Modality], roots: list[Path | None]) -> tuple[Modality, Found]:
    """What is at a location, below the first root that has it, as the first modality that its bytes fit."""
    for root in roots:
        looks = [(modality, look(location, modality, root)) for modality in modalities]
        best = next((seen for seen in looks if seen[1].state == State.PRESENT), looks[0])
        if best[1].reason != Reason.MISSING_FILE:
            break
    return best


def _examine(path: Path, modality: Modality) -> Found:
    length = path.stat().st_size
    if length == 0:
        return failed(Reason.EMPTY)
    if length > guard.LIMITS.bytes:
        return failed(Reason.TOO_LARGE)
    with path.open("rb") as file:
        mime = judged(file.read(SNIFFED_BYTES), modality)
        if mime is None:
            return failed(Reason.WRONG_TYPE)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Found(State.PRESENT, Reason.NONE, digest, mime, str(path), 0, length)
