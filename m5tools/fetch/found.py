"""What is at a location: an asset, or the state and reason why there is none."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from typing import Final

from m5tools.media import guard
from m5tools.vocabulary import Modality, Reason, State

SNIFFED_BYTES: Final = 4_096
# An MP4 or WebM may be listed as a sound file: its sound track is what is meant.
_ALSO: Final = {Modality.AUDIO: (Modality.VIDEO,)}

_FURTHER: Final[tuple[tuple[bytes, Modality, str], ...]] = (
    (b"\xff\x0a", Modality.IMAGE, "image/jxl"),
    (b"\x00\x00\x00\x0cJXL ", Modality.IMAGE, "image/jxl"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", Modality.VIDEO, "video/x-ms-asf"),
    (b".RMF", Modality.VIDEO, "video/vnd.rn-realvideo"),
    (b"#!AMR", Modality.AUDIO, "audio/amr"),
    (b".snd", Modality.AUDIO, "audio/basic"),
    (b"caff", Modality.AUDIO, "audio/x-caf"),
    (b"\x0b\x77", Modality.AUDIO, "audio/ac3"),
    (b"DSD ", Modality.AUDIO, "audio/x-dsf"),
    (b"FRM8", Modality.AUDIO, "audio/x-dff"),
    (b"TTA1", Modality.AUDIO, "audio/x-tta"),
    (b"MPCK", Modality.AUDIO, "audio/x-musepack"),
    (b"MP+", Modality.AUDIO, "audio/x-musepack"),
)
"""Signatures beside those of :func:`m5tools.media.guard.sniff`: as FFmpeg and libjxl probe them."""


@dataclass(frozen=True)
class Found:
    """One location as it was found.

    Attributes:
        state: present, pending or failed.
        reason: why it is not present.
        asset_id: sha256 of the bytes in hex.
        mime: media type judged by the bytes.
        uri: file or object that holds the bytes.
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


def examined(uri: str, length: int, modality: Modality, opened: Callable[[], BufferedReader]) -> Found:
    """What a file holds.

    Args:
        uri: where it lies.
        length: how many bytes it has.
        modality: what it was listed as.
        opened: opens it; called where its length is no reason to refuse it.
    """
    if length == 0:
        return failed(Reason.EMPTY)
    if length > guard.LIMITS.bytes:
        return failed(Reason.TOO_LARGE)
    with opened() as file:
        mime = judged(file.read(SNIFFED_BYTES), modality)
        if mime is None:
            return failed(Reason.WRONG_TYPE)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Found(State.PRESENT, Reason.NONE, digest, mime, uri, 0, length)


def judged(head: bytes, modality: Modality) -> str | None:
    """The media type of bytes listed as `modality`, judged by the first 4 KiB; None where they are something else.

    What is of no known type is something else too: an archive, a page in an odd encoding, noise.
    """
    kind, mime = guard.sniff(head)
    if kind is None:
        kind, mime = _further(head)
    return mime if kind is not None and (kind == modality or kind in _ALSO.get(modality, ())) else None


def _further(head: bytes) -> tuple[Modality | None, str]:
    """Modality and media type of formats that shops rarely serve and decoders know all the same."""
    if head[:1] == b"G" and head[188:189] == b"G" and head[376:377] == b"G":
        return Modality.VIDEO, "video/mp2t"
    return next(((kind, mime) for magic, kind, mime in _FURTHER if head.startswith(magic)), (None, ""))
