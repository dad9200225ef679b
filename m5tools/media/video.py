"""Clips: bytes → one upright RGB frame a second with the facts of the stream; the sound track lies with audio.py."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from m5tools.media.guard import LIMITS, DecodeError, Limits, check, guarded, quiet
from m5tools.media.image import Rgb, upright
from m5tools.vocabulary import Modality, Reason

quiet()

GLANCE_S = 0.3  # off the beat of whole and half seconds, on which many things in a clip repeat
GLANCE_SIDE = 96
_TURNS = {90: 8, 180: 3, 270: 6}  # counter-clockwise degrees → the EXIF orientation that undoes them


@dataclass(frozen=True)
class Clip:
    """A decoded clip.

    Attributes:
        frames: uint8 [n, h, w, 3], upright.
        seconds: float32 [n], when each is shown.
        glances: uint8 [m, h', w'], brightness at 96 pixels a side every 0.3 s, to see what moves between frames.
        width: of the original after rotation, in pixels.
        height: likewise.
        duration_s: by the container, else by the last frame seen; in seconds.
        fps: average frame rate, 0.0 where unknown.
        codec: h264, vp9 …
        has_audio: the container has a sound track.
    """

    frames: npt.NDArray[np.uint8]
    seconds: npt.NDArray[np.float32]
    glances: npt.NDArray[np.uint8]
    width: int
    height: int
    duration_s: float
    fps: float
    codec: str
    has_audio: bool


def decode(
    data: bytes,
    every_s: float = 1.0,
    max_frames: int = 64,
    long_side: int | None = 480,
    limits: Limits = LIMITS,
) -> Clip:
    """Decode a video and keep the first frame of every `every_s` seconds.

    Args:
        data: the whole file.
        every_s: seconds between kept frames.
        max_frames: stop after so many.
        long_side: shrink kept frames to this many pixels; None = as they are.
        limits: what it may cost.

    Raises:
        DecodeError: with the reason to record; WRONG_TYPE for a container that holds only sound.
    """
    check(data, Modality.VIDEO, limits)
    with guarded(data), av.open(io.BytesIO(data), "r", metadata_errors="replace") as container:
        if not container.streams:
            raise DecodeError(Reason.UNDECODABLE, "nothing can be found in the container")
        if not container.streams.video:
            raise DecodeError(Reason.WRONG_TYPE, "the container holds no video")
        stream = container.streams.video[0]
        context = stream.codec_context
        context.thread_count = 1
        if context.width * context.height > limits.pixels:
            raise DecodeError(Reason.TOO_LARGE, f"{context.width:,} × {context.height:,} pixels")
        sample = _sample(container, stream, every_s, max_frames, long_side, limits)
        if not sample.frames:
            raise DecodeError(Reason.UNDECODABLE, "no frame could be decoded")
        duration = (container.duration or 0) / av.time_base
        width, height = (context.height, context.width) if sample.turn >= 5 else (context.width, context.height)
        return Clip(
            frames=np.stack(sample.frames),
            seconds=np.array(sample.seconds, np.float32),
            glances=np.stack(sample.glances),
            width=width,
            height=height,
            duration_s=duration if 0 < duration < 1e7 else sample.last,
            fps=float(stream.average_rate or 0),
            codec=context.name,
            has_audio=bool(container.streams.audio),
        )


@dataclass
class _Sample:
    """Kept frames and their times, glances, the time of the last frame seen, the EXIF-like orientation."""

    frames: list[Rgb]
    seconds: list[float]
    glances: list[npt.NDArray[np.uint8]]
    last: float = 0.0
    turn: int = 1


def _sample(
    container: Any, stream: Any, every_s: float, max_frames: int, long_side: int | None, limits: Limits
) -> _Sample:
    kept = _Sample([], [], [])
    first, due, glance_due = None, 0.0, 0.0
    size = glance = (0, 0)
    # One converter for all frames of a kind: a frame's own would be set up anew each time.
    to_rgb, to_grey = VideoReformatter(), VideoReformatter()
    try:
        for seen, frame in enumerate(container.decode(stream)):
            if frame.width * frame.height > limits.pixels:
                raise DecodeError(Reason.TOO_LARGE, f"{frame.width:,} × {frame.height:,} pixels")
            time = frame.time if frame.time is not None else seen / float(stream.average_rate or 25)
            first = time if first is None else first
            kept.last = time - first
            if not kept.frames:
                size = _target(frame.width, frame.height, long_side)
                glance = _target(frame.width, frame.height, GLANCE_SIDE)
                kept.turn = _TURNS.get(round(frame.rotation) % 360, 1)
            if kept.last >= glance_due - 1e-6:
                grey = to_grey.reformat(frame, *glance, format="gray", interpolation="AREA").to_ndarray()
                kept.glances.append(np.asarray(grey, np.uint8))
                glance_due = _next(kept.last, GLANCE_S)
            if kept.last >= due - 1e-6:
                rgb = to_rgb.reformat(frame, *size, format="rgb24", interpolation="AREA").to_ndarray()
                kept.frames.append(upright(np.asarray(rgb, np.uint8), kept.turn))
                kept.seconds.append(kept.last)
                due = _next(kept.last, every_s)
            if len(kept.frames) >= max_frames or seen + 1 >= limits.frames:
                break
    except av.error.InvalidDataError:
        if not kept.frames:  # damage behind the first good frame leaves a usable clip
            raise
    return kept


def _next(now: float, every_s: float) -> float:
    """The first multiple of `every_s` after `now`."""
    return (int((now + 1e-6) / every_s) + 1) * every_s


def _target(width: int, height: int, long_side: int | None) -> tuple[int, int]:
    """Size after shrinking, in whole pixels."""
    longest = max(width, height)
    if long_side is None or longest <= long_side:
        return width, height
    return max(1, round(width * long_side / longest)), max(1, round(height * long_side / longest))
