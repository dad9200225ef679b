"""Real media files of a few kilobytes, encoded on the spot."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import soundfile
from PIL import Image

Rgb = npt.NDArray[np.uint8]


def photo(width: int = 640, height: int = 480, seed: int = 0) -> Rgb:
    """Smooth colour gradients with shapes and grain: statistically like a photograph."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / random.uniform(20, 90) + y / random.uniform(20, 90)) for _ in range(3)]
    grain = random.normal(0, 6, (height, width, 3))
    return np.clip(128 + 90 * np.stack(waves, axis=2) + grain, 0, 255).astype(np.uint8)


def encoded(rgb: npt.NDArray[Any], kind: str = "JPEG", **options: Any) -> bytes:
    """A picture file."""
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, kind, **options)
    return buffer.getvalue()


def tone(seconds: float = 2.0, rate: int = 16_000, level: float = 0.3, channels: int = 1) -> npt.NDArray[np.float32]:
    """A sine of 440 Hz; float32 [n] or [n, channels]."""
    wave = (level * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)).astype(np.float32)
    return wave if channels == 1 else np.repeat(wave[:, None], channels, axis=1)


def sound_file(samples: npt.NDArray[np.float32], kind: str = "WAV", rate: int = 16_000) -> bytes:
    """A sound file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=kind)
    return _numbered(buffer.getvalue()) if kind == "OGG" else buffer.getvalue()


def _numbered(ogg: bytes, serial: int = 1) -> bytes:
    """An Ogg file of one stream whose serial number is not drawn anew each time (RFC 3533, section 6)."""
    body, at = bytearray(ogg), 0
    while body[at : at + 4] == b"OggS":
        end = at + 27 + body[at + 26]
        end += sum(body[at + 27 : end])
        body[at + 14 : at + 18] = serial.to_bytes(4, "little")
        body[at + 22 : at + 26] = bytes(4)
        body[at + 22 : at + 26] = _ogg_sum(body[at:end]).to_bytes(4, "little")
        at = end
    return bytes(body)


def _ogg_sum(page: bytes) -> int:
    found = 0
    for byte in page:
        found ^= byte << 24
        for _ in range(8):
            found = (found << 1) ^ (0x104C11DB7 if found & 0x80000000 else 0)
    return found


def video_file(
    frames: Iterable[Rgb], fps: int = 10, sound: npt.NDArray[np.float32] | None = None, kind: str = "mp4"
) -> bytes:
    """An H.264 video (VP8 in WebM), with a mono sound track at 16 kHz where samples are given: the same bytes each time."""
    buffer = io.BytesIO()
    # Without the flag a WebM has an id that is drawn at random; encoders with threads need not give the same bytes twice.
    with av.open(buffer, "w", format=kind, container_options={"fflags": "+bitexact"}) as container:
        pictures = list(frames)
        stream = container.add_stream("libvpx" if kind == "webm" else "libx264", rate=fps)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_count = 1
        if kind != "webm":  # with its assembly x264 makes other bytes of some 1 in 200 clips, whatever the threads
            stream.options = {"x264-params": "asm=0"}
        track = None
        if sound is not None:
            track = container.add_stream("libopus" if kind == "webm" else "aac", rate=16_000, layout="mono")
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
        if track is not None and sound is not None:
            frame = av.AudioFrame.from_ndarray(sound[None, :], format="flt", layout="mono")
            frame.sample_rate, frame.pts = 16_000, 0
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
    return buffer.getvalue()
