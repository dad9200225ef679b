"""What is at a location: an asset, or the state and reason why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from m5tools.media import guard
from m5tools.vocabulary import Modality, Reason, State

SNIFFED_BYTES: Final = 4_096
# An MP4 or WebM may be listed as a sound file: its sound track is what is meant.
_ALSO: Final = {Modality.AUDIO: (Modality.VIDEO,)}


@dataclass(frozen=True)
class Found:
    """One location as it was found.

    Attributes:
        state: present, pending or failed.
        reason: why it is not present.
        asset_id: sha256 of the bytes in hex.
        mime: media type judged by the bytes.
        uri: file that holds the bytes.
        offset: where in it they begin.
        length: how many they are.
    """

    state: State
    reason: Reason
    asset_id: str | None = None
    mime: str | None = None
    uri: str | None = None
    offset: int = 0
    length: int = 0


PENDING: Final = Found(State.PENDING, Reason.NOT_FETCHED)


def failed(reason: Reason) -> Found:
    """A location where nothing could be had."""
    return Found(State.FAILED, reason)


def judged(head: bytes, modality: Modality) -> str | None:
    """The media type of bytes listed as `modality`, judged by the first 4 KiB; None where they are something else."""
    kind, mime = guard.sniff(head)
    if kind is not None and kind != modality and kind not in _ALSO.get(modality, ()):
        return None
    if kind is None and mime.startswith("text/"):
        return None
    return mime
