"""Clip signals: still, moving, black."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from m5tools.measure.video import signals
from m5tools.media import image
from m5tools.media.video import Clip

from .test_image import photo


def clip(frames: list[npt.NDArray[np.uint8]]) -> Clip:
    height, width = frames[0].shape[:2]
    seconds = np.arange(len(frames), dtype=np.float32)
    return Clip(
        np.stack(frames),
        seconds,
        np.stack([frame[..., 1] for frame in frames]),
        width,
        height,
        float(len(frames)),
        25.0,
        "mov",
        "h264",
        100_000,
        1.0,
        False,
    )


def test_still_and_moving() -> None:
    still = signals(clip([photo()] * 4))[0]
    moving = signals(clip([photo(seed=i) for i in range(4)]))[0]
    assert still["motion"] == 0 < 10 < moving["motion"]
    assert still["black_share"] == moving["black_share"] == 0
    assert len(set(still["frame_pdq"])) == 1
    assert len(set(moving["frame_pdq"])) == 4
    assert len(moving["glance_pdq"]) == 4 * 32


def test_one_frame_tells_nothing_about_motion() -> None:
    assert signals(clip([photo()]))[0]["motion"] is None


def test_black_frames_are_counted() -> None:
    black = np.full((400, 500, 3), 4, np.uint8)
    dark_scene = black.copy()
    dark_scene[100:200, 100:200] = 180
    assert signals(clip([black, photo(), black, dark_scene]))[0]["black_share"] == pytest.approx(0.5)


def noisy(frame: npt.NDArray[np.uint8], seed: int, deviation: float = 3.0) -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(seed).normal(0, deviation, frame.shape)
    return np.asarray(np.clip(frame + noise, 0, 255), np.uint8)


def test_noise_does_not_move_and_a_slow_or_dark_scene_does() -> None:
    scene = image.fit(photo(), 96)
    night = (scene * 0.15).astype(np.uint8)
    still = signals(clip([noisy(scene, seed) for seed in range(6)]))[0]
    slow = signals(clip([noisy(np.roll(scene, step, axis=1), step) for step in range(6)]))[0]
    dark = signals(clip([noisy(np.roll(night, 4 * step, axis=1), step) for step in range(6)]))[0]
    assert still["moving_share"] < 0.002 < 0.005 < min(slow["moving_share"], dark["moving_share"])


def test_a_covered_lens_is_black_and_a_night_scene_is_not() -> None:
    covered = np.full((72, 96, 3), 6, np.uint8)
    night = covered.copy()
    night[20:50, 30:60] = 24
    for frame, share in ((covered, 1.0), (night, 0.0)):
        assert signals(clip([noisy(frame, seed) for seed in range(4)]))[0]["black_share"] == share


def test_the_strip_shows_the_first_eight_frames() -> None:
    _, preview = signals(clip([photo(seed=i) for i in range(12)]))
    assert len(preview["frames"]) == 12
    assert image.decode(preview["preview"], at_least=2000).rgb.shape == (96, 8 * 120, 3)


def test_bars_cuts_and_standstill_are_counted() -> None:
    wide = photo()
    wide[:60] = wide[-60:] = 5
    assert signals(clip([wide] * 3))[0]["letterbox_share"] == pytest.approx(120 / 400, abs=0.05)
    assert signals(clip([np.full((90, 90, 3), 3, np.uint8)] * 3))[0]["letterbox_share"] is None
    dark, light = (np.full((72, 96, 3), level, np.uint8) for level in (40, 200))
    row = signals(clip([dark, dark, dark, light, light]))[0]
    assert (row["scene_changes"], row["static_share"]) == (1, 0.75)
