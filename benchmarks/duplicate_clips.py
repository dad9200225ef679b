"""Which re-encoded and cut copies of clips and sounds are found, and which others are taken for copies.

Usage: python benchmarks/duplicate_clips.py DATA

Real clips and sounds are encoded again with other codecs, sizes, rates and levels, and cut, through PyAV; all go
through the real signals and the real search at once. Told are the share of copies found and the pairs of originals that
are taken for one, which names must judge: some sets hold a recording twice.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dedup.evidence.audio import same_sounds
from m5tools.dedup.evidence.files import in_order
from m5tools.dedup.evidence.video import COLUMNS, same_clips
from m5tools.dedup.policy import load_policy
from m5tools.measure import audio as audio_signals
from m5tools.measure import video as video_signals
from m5tools.media import audio, video
from m5tools.media.guard import DecodeError

POLICY = load_policy("duplicates")
CLIPS = ("mdn_video/*.mp4", "mdn_video/*.webm", "torchcodec_av/*.mp4", "torchcodec_av/*.mkv", "moviepy_av/*",
         "perception_neardup/videos/*", "magento_luma/**/*.mp4")  # fmt: skip
SOUNDS = ("tuxpaint_stamps/**/*.ogg", "librosa_audio/*.ogg", "spoken_digits/**/*.wav", "mdn_video/*.ogg",
          "torchcodec_av/*.mp3")  # fmt: skip
SECONDS = 20

Samples = npt.NDArray[np.float32]
Frames = list[npt.NDArray[np.uint8]]


def encoded_sound(samples: Samples, rate: int, codec: str, container: str, to: int, bits: int) -> bytes:
    buffer = io.BytesIO()
    with av.open(buffer, "w", format=container) as out:
        stream: Any = out.add_stream(codec, rate=to, layout="mono")
        stream.bit_rate = bits
        context = stream.codec_context
        flow = av.AudioResampler(context.format or "fltp", "mono", to, frame_size=context.frame_size or 0)
        whole = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), "flt", "mono")
        whole.sample_rate, whole.pts, whole.time_base = rate, 0, Fraction(1, rate)
        for frame in [*flow.resample(whole), *flow.resample(None), None]:
            out.mux(stream.encode(frame))
    return buffer.getvalue()


def noisy(samples: Samples) -> Samples:
    noise = np.random.default_rng(0).normal(0, 0.002, len(samples))
    return (0.3 * samples + noise).astype(np.float32)


SOUND_EDITS: dict[str, Callable[[Samples, int], bytes]] = {
    "MP3, 48 kbit/s": lambda s, r: encoded_sound(s, r, "libmp3lame", "mp3", 44_100, 48_000),
    "Opus, 24 kbit/s": lambda s, r: encoded_sound(s, r, "libopus", "ogg", 48_000, 24_000),
    "AAC, 22.05 kHz, 32 kbit/s": lambda s, r: encoded_sound(s, r, "aac", "adts", 22_050, 32_000),
    "PCM, 8 kHz": lambda s, r: encoded_sound(s, r, "pcm_s16le", "wav", 8_000, 128_000),
    "−10 dB, noise, MP3": lambda s, r: encoded_sound(noisy(s), r, "libmp3lame", "mp3", 44_100, 64_000),
    "first 0.3 s cut off, MP3": lambda s, r: encoded_sound(s[int(0.3 * r) :], r, "libmp3lame", "mp3", 44_100, 64_000),
    "middle half, MP3": lambda s, r: encoded_sound(
        s[len(s) // 4 : 3 * len(s) // 4], r, "libmp3lame", "mp3", 44_100, 64_000
    ),
}


def encoded_clip(
    frames: Frames, fps: float, codec: str, container: str, scale: float = 1, bits: int = 300_000
) -> bytes:
    buffer = io.BytesIO()
    height, width = (max(2, int(side * scale) // 2 * 2) for side in frames[0].shape[:2])
    with av.open(buffer, "w", format=container) as out:
        rate = Fraction(fps).limit_denominator(1_000)
        stream: Any = out.add_stream(
            codec,
            rate=rate,
            options={"preset": "ultrafast"} if "264" in codec else {"deadline": "realtime", "cpu-used": "8"},
        )
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", bits
        for number, rgb in enumerate(frames):
            small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
            frame = av.VideoFrame.from_ndarray(small, "rgb24")
            frame.pts, frame.time_base = number, 1 / rate
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return buffer.getvalue()


CLIP_EDITS: dict[str, Callable[[Frames, float], bytes]] = {
    "H.264, half the size, 150 kbit/s": lambda f, r: encoded_clip(f, r, "libx264", "mp4", 0.5, 150_000),
    "VP9, 300 kbit/s": lambda f, r: encoded_clip(f, r, "libvpx-vp9", "webm"),
    "half the frame rate, H.264": lambda f, r: encoded_clip(f[::2], r / 2, "libx264", "mp4"),
    "first and last second cut off": lambda f, r: encoded_clip(f[round(r) : len(f) - round(r)], r, "libx264", "mp4"),
    "first 0.5 s cut off": lambda f, r: encoded_clip(f[round(r / 2) :], r, "libx264", "mp4"),
    "first third cut off": lambda f, r: encoded_clip(f[len(f) // 3 :], r, "libx264", "mp4"),
}


def frames_of(data: bytes) -> tuple[Frames, float]:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.video[0]
        fps = float(stream.average_rate or 25)
        frames = []
        for frame in container.decode(stream):
            frames.append(frame.to_ndarray(format="rgb24"))
            if len(frames) >= SECONDS * fps:
                break
    return frames, min(fps, 60)


def tried(work: Callable[[], bytes]) -> bytes | None:
    """What it makes; None for cuts that leave nothing."""
    try:
        return work()
    except (ValueError, IndexError, av.error.FFmpegError):
        return None


def told(names: list[str], kinds: Iterable[str], count: int, pairs: pl.DataFrame, able: list[bool]) -> None:
    found = {(a, b): share for a, b, share in pairs.iter_rows()}
    sets = sorted({name.split("/")[0] for name in names})
    for number, kind in enumerate(kinds, 1):
        shares = []
        for folder in sets:
            some = [i for i in range(count) if names[i].startswith(folder) and able[i] and able[number * count + i]]
            hit = sum((i, number * count + i) in found for i in some)
            shares.append(f"{folder} {hit}/{len(some)}")
        print(f"  {kind:34}{'  '.join(shares)}")
    originals = [(a, b) for a, b in found if a < count and b < count]
    print(f"  pairs of originals taken for one: {len(originals)} of {count * (count - 1) // 2}")
    for a, b in originals:
        print(f"    {names[a]}  {names[b]}  {found[a, b]:.2f}")


def sounds(root: Path) -> None:
    names, originals = [], []
    for file in sorted(file for pattern in SOUNDS for file in root.glob(pattern)):
        names.append(file.relative_to(root).as_posix())
        originals.append(file.read_bytes())
    loud = [audio.decode(data, rate=None, max_s=SECONDS) for data in originals]
    files = [
        *originals,
        *(tried(lambda s=s, edit=edit: edit(s.samples, s.rate)) for edit in SOUND_EDITS.values() for s in loud),
    ]
    rows = []
    for place, data in enumerate(files):
        try:
            sound = audio.decode(data or b"", rate=None, max_s=SECONDS)
            rows.append({"file": place, "fingerprint": audio_signals.signals(sound)[0]["fingerprint"]})
        except DecodeError:
            rows.append({"file": place, "fingerprint": None})
    marks = pl.DataFrame(rows, {"file": pl.UInt32, "fingerprint": pl.Binary})
    heard = [mark is not None for mark in marks["fingerprint"]]
    enough = [heard[i] and len(mark) >= 4 * POLICY.sound.min_landmarks for i, mark in enumerate(marks["fingerprint"])]
    least = POLICY.sound.min_landmarks
    print(f"{len(names)} sounds, {sum(enough[: len(names)])} with {least} landmarks or more; of these")
    able = enough[: len(names)] + heard[len(names) :]
    with tempfile.TemporaryDirectory() as scratch:
        found, _ = same_sounds(in_order(marks), POLICY.sound, POLICY.join, Path(scratch))
    told(names, SOUND_EDITS, len(names), found, able)


def clips(root: Path) -> None:
    names, originals = [], []
    for file in sorted(file for pattern in CLIPS for file in root.glob(pattern)):
        names.append(file.relative_to(root).as_posix())
        originals.append(file.read_bytes())
    shown = []
    for data in originals:
        try:
            shown.append(frames_of(data))
        except (av.error.FFmpegError, IndexError):
            shown.append(([], 25.0))
    files = [
        *originals,
        *(tried(lambda f=f, r=r, edit=edit: edit(f, r)) for edit in CLIP_EDITS.values() for f, r in shown),
    ]
    rows = []
    for place, data in enumerate(files):
        try:
            row, _ = video_signals.signals(video.decode(data or b""))
        except DecodeError:
            row = {}
        rows.append({"file": place} | {column: row.get(column) for column in COLUMNS})
    kinds = dict(zip(COLUMNS, (pl.List(pl.Binary), pl.List(pl.Int32), pl.Binary), strict=True))
    frames = pl.DataFrame(rows, {"file": pl.UInt32} | kinds)
    good = (
        frames["frame_pdq_quality"].list.eval(pl.element() >= POLICY.picture.min_quality).list.sum().fill_null(0) > 0
    ).to_list()
    print(f"{len(names)} clips, {sum(good[: len(names)])} that show something; of these")
    with tempfile.TemporaryDirectory() as scratch:
        found, _ = same_clips(in_order(frames), POLICY.picture, POLICY.clip, POLICY.join, Path(scratch))
    told(names, CLIP_EDITS, len(names), found, good)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("kinds", nargs="*", default=["sounds", "clips"])
    arguments = parser.parse_args()
    for kind in arguments.kinds:
        {"sounds": sounds, "clips": clips}[kind](arguments.data)


if __name__ == "__main__":
    main()
