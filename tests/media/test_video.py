"""Clips: one frame a second, the facts of the stream, rotation."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m5tools.media import audio, video
from m5tools.media.guard import DecodeError, Limits

from .files import photo, tone, video_file


def shades(count: int) -> list[np.ndarray]:
    """Frames of one grey each, brighter from frame to frame."""
    return [np.full((48, 64, 3), 20 + i * 4, np.uint8) for i in range(count)]


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_one_frame_a_second(kind: str) -> None:
    clip = video.decode(video_file(shades(35), fps=10, kind=kind))
    assert clip.frames.shape == (4, 48, 64, 3)
    assert clip.seconds.tolist() == pytest.approx([0, 1, 2, 3], abs=0.01)
    assert [int(f.mean()) for f in clip.frames] == pytest.approx([20, 60, 100, 140], abs=6)
    assert (clip.width, clip.height, clip.has_audio) == (64, 48, False)
    assert clip.duration_s == pytest.approx(3.5, abs=0.1)
    assert clip.fps == pytest.approx(10, abs=0.1)


def test_frames_are_bounded_in_number_and_size() -> None:
    data = video_file(shades(35))
    assert len(video.decode(data, max_frames=2).frames) == 2
    assert len(video.decode(data, every_s=0.5).frames) == 7
    assert video.decode(data, long_side=32).frames.shape[1:] == (24, 32, 3)
    assert len(video.decode(data, limits=Limits(frames=11)).frames) == 2


def test_sound_is_noted_and_read_by_audio() -> None:
    data = video_file(shades(20), sound=tone())
    assert video.decode(data).has_audio
    assert audio.decode(data).duration_s == pytest.approx(2, abs=0.15)


def test_a_container_of_sound_alone_is_no_video() -> None:
    with pytest.raises(DecodeError, match="wrong_type"):
        video.decode(_sound_only_webm())


def test_damage_in_the_middle_leaves_what_was_decoded() -> None:
    data = bytearray(video_file([photo(160, 120, seed) for seed in range(30)]))
    middle = len(data) // 2
    data[middle : middle + 400] = bytes(400)
    assert len(video.decode(bytes(data)).frames) >= 1


def test_odd_videos_all_end_in_frames_or_a_reason(real_data: Path) -> None:
    folders = ("moviepy_av", "mdn_video", "torchcodec_av")
    files = sorted(f for d in folders for f in (real_data / d).rglob("*") if f.is_file() and f.suffix != ".md")
    outcomes: list[str] = []
    for file in files:
        try:
            clip = video.decode(file.read_bytes())
        except DecodeError as error:
            outcomes.append(error.reason.word)
        else:
            assert len(clip.frames) == len(clip.seconds)
            outcomes.append("frames")
    assert len(outcomes) >= 20
    assert outcomes.count("frames") >= 18
    assert set(outcomes) == {"frames", "wrong_type"}


def _sound_only_webm() -> bytes:
    import io

    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="webm") as container:
        track = container.add_stream("libopus", rate=16_000, layout="mono")
        frame = av.AudioFrame.from_ndarray(tone()[None, :], format="flt", layout="mono")
        frame.sample_rate, frame.pts = 16_000, 0
        container.mux(track.encode(frame))
        container.mux(track.encode(None))
    return buffer.getvalue()
