"""Clips: bytes → one upright RGB frame a second with the facts of the stream; the sound track lies with audio.py."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, VideoReformatter

from m5tools.media.guard import LIMITS, DecodeError, Limits, check, guarded, quiet
from m5tools.media.image import Rgb, upright
from m5tools.vocabulary import Modality, Reason

quiet()

GLANCE_S = 0.3  # off the beat of whole and half seconds, on which many things in a clip repeat
GLANCE_SIDE = 96
_REACHED = 0.98  # of a stream's length: the last frame's own time is not known
_BYTES_OF_LUMA = ("yuv420p", "yuvj420p", "yuv422p", "yuvj422p", "yuv444p", "yuvj444p", "nv12")
"""Frames whose first plane is brightness as it is: no need to convert the rest of it for a glance."""
_TURNS = {90: 8, 180: 3, 270: 6}  # counter-clockwise degrees → the EXIF orientation that undoes them


@dataclass(frozen=True)
class Clip:
    """A decoded clip.

    Attributes:
        frames: uint8 [n, h, w, 3], upright.
        seconds: float32 [n], when each is shown.
        glances: uint8 [m, h', w'], upright, brightness at up to 96 pixels a side every 0.3 s, to see what moves between
            frames.
        width: of the original after rotation, in pixels.
        height: likewise.
        duration_s: by the container, else by the last frame seen; in seconds.
        fps: average frame rate, 0.0 where unknown.
        container: mp4, matroska, avi … as FFmpeg names it.
        codec: h264, vp9 …
        bit_rate: of the whole file in bit/s, 0 where unknown.
        decodable: share of the packets looked at that became pictures without an error, times the share of the stream's
            length that was reached, where nothing but its end stopped the decoding.
        has_audio: the container has a sound track.
    """

    frames: npt.NDArray[np.uint8]
    seconds: npt.NDArray[np.float32]
    glances: npt.NDArray[np.uint8]
    width: int
    height: int
    duration_s: float
    fps: float
    container: str
    codec: str
    bit_rate: int
    decodable: float
    has_audio: bool


def decode(
    data: bytes,
    every_s: float = 1.0,
    max_frames: int = 64,
    long_side: int | None = 256,
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
        if not container.streams.video:
            # Noise, which FFmpeg takes for this and that container, is no sound.
            reason = Reason.WRONG_TYPE if container.streams.audio else Reason.UNDECODABLE
            raise DecodeError(reason, "the container holds no video")
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
            glances=np.stack([upright(glance[..., None], sample.turn)[..., 0] for glance in sample.glances]),
            width=width,
            height=height,
            duration_s=duration if 0 < duration < 1e7 else sample.last,
            fps=float(stream.average_rate or 0),
            container=container.format.name.split(",")[0],
            codec=context.name,
            bit_rate=container.bit_rate or 0,
            decodable=sample.decodable(_length(stream)),
            has_audio=bool(container.streams.audio),
        )


@dataclass
class _Sample:
    """Kept frames and their times, glances, the time of the last frame seen, the EXIF-like orientation, packets."""

    frames: list[Rgb]
    seconds: list[float]
    glances: list[npt.NDArray[np.uint8]]
    last: float = 0.0
    turn: int = 1
    seen: int = 0
    packets: int = 0
    broken: int = 0
    to_the_end: bool = False

    def decodable(self, length_s: float) -> float:
        """Share without errors, times the share of the length that was reached."""
        whole = 1 - self.broken / max(1, self.packets)
        if not self.to_the_end or self.seen < 2 or length_s <= 0:
            return whole
        reached = self.last * self.seen / (self.seen - 1) / length_s
        return whole * (1.0 if reached > _REACHED else reached)


def _length(stream: Any) -> float:
    return float(stream.duration * stream.time_base) if stream.duration and stream.time_base else 0.0


def _sample(
    container: Any, stream: Any, every_s: float, max_frames: int, long_side: int | None, limits: Limits
) -> _Sample:
    kept = _Sample([], [], [])
    first, due, glance_due = None, 0.0, 0.0
    size = glance = (0, 0)
    # One converter for all frames of a kind: a frame's own would be set up anew each time.
    to_rgb, to_grey = VideoReformatter(), VideoReformatter()
    for frame in _frames(container, stream, kept):
        if frame.width * frame.height > limits.pixels:
            raise DecodeError(Reason.TOO_LARGE, f"{frame.width:,} × {frame.height:,} pixels")
        time = frame.time if frame.time is not None else kept.seen / float(stream.average_rate or 25)
        kept.seen += 1
        first = time if first is None else first
        kept.last = time - first
        if not kept.frames:
            size = _target(frame.width, frame.height, long_side)
            glance = _whole_fraction(frame.width, frame.height, GLANCE_SIDE)
            kept.turn = _TURNS.get(round(frame.rotation) % 360, 1)
        if kept.last >= glance_due - 1e-6:
            kept.glances.append(_glance(frame, glance, to_grey))
            glance_due = _next(kept.last, GLANCE_S)
        if kept.last >= due - 1e-6:
            rgb = to_rgb.reformat(frame, *size, format="rgb24", interpolation="AREA").to_ndarray()
            kept.frames.append(upright(np.asarray(rgb, np.uint8), kept.turn))
            kept.seconds.append(kept.last)
            due = _next(kept.last, every_s)
        most = min(limits.frames, limits.decoded_pixels // max(1, frame.width * frame.height))
        if len(kept.frames) >= max_frames or kept.seen >= most:
            return kept
    kept.to_the_end = True
    return kept


def _frames(container: Any, stream: Any, kept: _Sample) -> Iterator[Any]:
    """The frames of a stream, damaged packets counted and passed over.

    Raises:
        av.error.InvalidDataError: not one could be decoded.
    """
    fault: av.error.InvalidDataError | None = None
    try:
        for packet in container.demux(stream):
            kept.packets += packet.size > 0
            try:
                yield from packet.decode()
            except av.error.InvalidDataError as error:
                kept.broken += 1
                fault = error
    except av.error.InvalidDataError as error:  # of the container: nothing can be read behind it
        kept.broken += 1
        fault = error
    if fault is not None and not kept.frames:  # damage behind the first good frame leaves a usable clip
        raise fault


def _glance(frame: Any, size: tuple[int, int], converter: VideoReformatter) -> npt.NDArray[np.uint8]:
    """The brightness of a frame at a small size: uint8 [h, w]."""
    if frame.format.name not in _BYTES_OF_LUMA:
        grey = converter.reformat(frame, *size, format="gray", interpolation="AREA").to_ndarray()
        return np.asarray(grey, np.uint8)
    plane = frame.planes[0]
    factor = max(1, min(frame.width // size[0], frame.height // size[1]))
    rows = np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)
    luma = rows[: size[1] * factor, : size[0] * factor]
    small = np.asarray(cv2.resize(luma, size, interpolation=cv2.INTER_AREA), np.uint8)
    return small if frame.color_range == ColorRange.JPEG else _full_range()[small]


@cache
def _full_range() -> npt.NDArray[np.uint8]:
    """Video levels, 16–235, brought to 0–255 (ITU-R BT.601)."""
    return np.clip(np.rint((np.arange(256) - 16) * 255 / 219), 0, 255).astype(np.uint8)


def _next(now: float, every_s: float) -> float:
    """The first multiple of `every_s` after `now`."""
    return (int((now + 1e-6) / every_s) + 1) * every_s


def _whole_fraction(width: int, height: int, longest: int) -> tuple[int, int]:
    """Size after division by a whole number, which averages a plane in a tenth of the time of any other factor."""
    factor = -(-max(width, height) // longest)
    return max(1, width // factor), max(1, height // factor)


def _target(width: int, height: int, long_side: int | None) -> tuple[int, int]:
    """Size after shrinking, in whole pixels."""
    longest = max(width, height)
    if long_side is None or longest <= long_side:
        return width, height
    return max(1, round(width * long_side / longest)), max(1, round(height * long_side / longest))
