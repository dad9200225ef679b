"""Video clips: the product's photo set in motion, H.264 with or without an AAC sound track."""

from __future__ import annotations

import io
from typing import Final

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from m5tools.synth.looks import Looks
from m5tools.synth.pictures import STUDIO, Pixels
from m5tools.synth.sounds import Wave

Planes = NDArray[np.uint8]  # I420: (height * 3 / 2, width)
FPS: Final = 8
_SIZES: Final = ((96, 72), (112, 80), (80, 96), (96, 96))  # width, height; even, as 4:2:0 sampling wants
_VIDEO_OPTIONS: Final = {"preset": "ultrafast", "crf": "30"}
_AUDIO_OPTIONS: Final = {"aac_coder": "fast"}


def moving(photo: Pixels, looks: Looks, row: int, seconds: float, rng: np.random.Generator) -> list[Planes]:
    """Frames of a clip, at 8 frames a second."""
    width, height = _SIZES[int(rng.integers(len(_SIZES)))]
    motion, speed = int(looks.motion[row]), 0.5 + float(looks.speed[row])
    light = rng.uniform(0.85, 1.1)
    frames = []
    for number in range(int(seconds * FPS)):
        swing = np.sin(speed * (0.6 * number) + 2 * np.pi * float(looks.start[row]))
        zoom, turn, dx, dy, level = 1.0, 0.0, 0.0, 0.0, 1.0
        if motion == 0:
            dx = 0.25 * swing
        elif motion == 1:
            dy = 0.25 * swing
        elif motion == 2:
            zoom = 1.0 + 0.35 * swing
        elif motion == 3:
            turn = speed * 25.0 * number
        elif motion == 4:
            level = 0.75 + 0.25 * swing
        else:
            turn, dx = 25.0 * swing, 0.15 * swing
        scale = zoom * min(width, height) / STUDIO
        matrix = cv2.getRotationMatrix2D((STUDIO / 2, STUDIO / 2), turn, scale)
        matrix[:, 2] += np.array([width * (0.5 + dx) - STUDIO / 2, height * (0.5 + dy) - STUDIO / 2])
        frame = cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        frames.append(_planes(np.asarray(cv2.convertScaleAbs(frame, alpha=light * level), np.uint8)))
    return frames


def slow(photo: Pixels, seconds: float, rng: np.random.Generator) -> list[Planes]:
    """Frames of a camera that passes the product slowly: 8-16 pixels in the whole clip."""
    return _pan(photo, float(rng.uniform(8, 16)), seconds, rng)


def still(photo: Pixels, seconds: float, rng: np.random.Generator) -> list[Planes]:
    """Frames of a clip in which nothing happens: a photo on show, at times with a channel's logo in the corner or with
    less than a pixel of drift, seen through a sensor."""
    kind = rng.random()
    if kind < 0.3:
        photo = photo.copy()
        photo[6:26, -34:-6] = rng.integers(0, 256, 3)
    return _pan(photo, float(rng.uniform(0.3, 0.9)) if kind > 0.7 else 0.0, seconds, rng)


def black(seconds: float, rng: np.random.Generator) -> list[Planes]:
    """Frames of a black clip: a level that is seldom quite zero, and the noise of a covered sensor."""
    width, height = _SIZES[0]
    frame = np.full((height, width, 3), int(rng.integers(0, 9)), np.uint8)
    noise = _Grain(frame.shape, rng)
    return [_planes(noise.over(frame)) for _ in range(int(seconds * FPS))]


def _pan(photo: Pixels, way: float, seconds: float, rng: np.random.Generator) -> list[Planes]:
    """Frames that move sideways by `way` pixels from the first to the last."""
    width, height = _SIZES[0]
    count = int(seconds * FPS)
    noise = _Grain((height, width, 3), rng)
    matrix = np.array([[width / STUDIO, 0, 0], [0, height / STUDIO, 0]])
    frames = []
    for number in range(count):
        matrix[0, 2] = way * (number / (count - 1) - 0.5)
        frame = cv2.warpAffine(photo, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        frames.append(_planes(noise.over(np.asarray(frame, np.uint8))))
    return frames


class _Grain:
    """Sensor noise, anew for each frame: cut at random from one larger field, which is far cheaper than drawing it."""

    def __init__(self, shape: tuple[int, ...], rng: np.random.Generator) -> None:
        height, width, _ = shape
        self._shape, self._rng = (height, width), rng
        self._field = rng.normal(0, rng.uniform(0.5, 3.5), (2 * height, 2 * width)).astype(np.float32)

    def over(self, frame: Pixels) -> Pixels:
        """The frame with its noise."""
        height, width = self._shape
        top, left = self._rng.integers(0, (height, width))
        noise = self._field[top : top + height, left : left + width, None]
        return np.asarray(np.clip(frame + noise, 0, 255), np.uint8)


def encoded(frames: list[Planes], wave: Wave | None, rate: int) -> bytes:
    """An MP4 file; `wave` is its sound track, float32 mono."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4", options={"fflags": "+bitexact"}) as container:
        video = container.add_stream("libx264", rate=FPS, options=_VIDEO_OPTIONS)
        video.height, video.width = frames[0].shape[0] * 2 // 3, frames[0].shape[1]
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1  # x264 cuts frames into slices by thread: other bytes
        audio = None
        if wave is not None:
            audio = container.add_stream("aac", rate=rate, layout="mono", options=_AUDIO_OPTIONS)
            audio.bit_rate = 32_000
        for number, planes in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            picture.pts = number
            container.mux(video.encode(picture))
        container.mux(video.encode())
        if audio is not None and wave is not None:
            track = av.AudioFrame.from_ndarray(wave[np.newaxis], format="fltp", layout="mono")
            track.sample_rate, track.pts = rate, 0
            container.mux(audio.encode(track))
            container.mux(audio.encode())
    return buffer.getvalue()


def _planes(frame: Pixels) -> Planes:
    return np.asarray(cv2.cvtColor(frame, cv2.COLOR_RGB2YUV_I420), np.uint8)
