"""Clips: bytes → one upright RGB frame a second with the facts of the stream; the sound track lies with audio.py."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from m5tools.media import audio
from m5tools.media.guard import LIMITS, DecodeError, Limits, check, guarded, quiet
from m5tools.media.image import Rgb, upright
from m5tools.vocabulary import Modality, Reason

quiet()

_TURNS = {90: 8, 180: 3, 270: 6}  # counter-clockwise degrees → the EXIF orientation that undoes them


@dataclass(frozen=True)
class Clip:
    """A decoded clip.

    Attributes:
        frames: uint8 [n, h, w, 3], upright.
        seconds: float32 [n], when each is shown.
        width: of the original after rotation, in pixels.
        height: likewise.
        duration_s: by the container, else by the last frame seen; in seconds.
        fps: average frame rate, 0.0 where unknown.
        codec: h264, vp9 …
        has_audio: the container has a sound track.
    """

    frames: npt.NDArray[np.uint8]
    seconds: npt.NDArray[np.float32]
    width: int
    height: int
    duration_s: float
    fps: float
    codec: str
    has_audio: bool


def decode(
    source: bytes | Path,
    every_s: float = 1.0,
    max_frames: int = 64,
    long_side: int | None = 480,
    limits: Limits = LIMITS,
) -> Clip:
    """Decode a video and keep the first frame of every `every_s` seconds.

    Args:
        source: the whole file, or its path.
        every_s: seconds between kept frames.
        max_frames: stop after so many.
        long_side: shrink kept frames to this many pixels; None = as they are.
        limits: what it may cost.

    Raises:
        DecodeError: with the reason to record; WRONG_TYPE for a container that holds only sound.
    """
    data = source if isinstance(source, bytes) else source.read_bytes()
    check(data, Modality.VIDEO, limits)
    with guarded(data), av.open(io.BytesIO(data), "r", metadata_errors="replace") as container:
        if not container.streams.video:
            raise DecodeError(Reason.WRONG_TYPE, "the container holds no video")
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count = 1
        if context.width * context.height > limits.pixels:
            raise DecodeError(Reason.TOO_LARGE, f"{context.width:,} × {context.height:,} pixels")
        frames, seconds, last, turn = _sample(container, stream, every_s, max_frames, long_side, limits)
        if not frames:
            raise DecodeError(Reason.UNDECODABLE, "no frame could be decoded")
        duration = (container.duration or 0) / av.time_base
        width, height = (context.height, context.width) if turn >= 5 else (context.width, context.height)
        return Clip(
            frames=np.stack(frames),
            seconds=np.array(seconds, np.float32),
            width=width,
            height=height,
            duration_s=duration if 0 < duration < 1e7 else last,
            fps=float(stream.average_rate or 0),
            codec=context.name,
            has_audio=bool(container.streams.audio),
        )


def _sample(
    container: Any, stream: Any, every_s: float, max_frames: int, long_side: int | None, limits: Limits
) -> tuple[list[Rgb], list[float], float, int]:
    """Kept frames, their times, the time of the last frame seen, and the EXIF-like orientation of the stream."""
    kept: list[Rgb] = []
    seconds: list[float] = []
    first, last, due, turn = None, 0.0, 0.0, 1
    size: tuple[int, int] | None = None
    try:
        for seen, frame in enumerate(container.decode(stream)):
            if frame.width * frame.height > limits.pixels:
                raise DecodeError(Reason.TOO_LARGE, f"{frame.width:,} × {frame.height:,} pixels")
            time = frame.time if frame.time is not None else seen / float(stream.average_rate or 25)
            first = time if first is None else first
            last = time - first
            if last >= due - 1e-6:
                if size is None:
                    size = _target(frame.width, frame.height, long_side)
                    turn = _TURNS.get(round(frame.rotation) % 360, 1)
                rgb = frame.reformat(*size, format="rgb24", interpolation="AREA").to_ndarray()
                kept.append(upright(rgb, turn))
                seconds.append(last)
                due = (int((last + 1e-6) / every_s) + 1) * every_s
            if len(kept) >= max_frames or seen + 1 >= limits.frames:
                break
    except av.error.InvalidDataError:
        if not kept:  # damage behind the first good frame leaves a usable clip
            raise
    return kept, seconds, last, turn


def _target(width: int, height: int, long_side: int | None) -> tuple[int, int]:
    """Size after shrinking, in whole pixels."""
    longest = max(width, height)
    if long_side is None or longest <= long_side:
        return width, height
    return max(1, round(width * long_side / longest)), max(1, round(height * long_side / longest))


def sound(source: bytes | Path, rate: int | None = 16_000, max_s: float = 600.0) -> audio.Sound:
    """The clip's own sound track, mono.

    Raises:
        NoSoundTrack: it has none.
        DecodeError: with the reason to record.
    """
    return audio.decode(source, rate, max_s)
