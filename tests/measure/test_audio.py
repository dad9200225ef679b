"""Sound signals: silence, clipping, level."""

from __future__ import annotations

import numpy as np
import pytest

from m5tools.measure.audio import envelope, signals
from m5tools.media import audio
from m5tools.media.audio import Samples, Sound


def sine(level: float, seconds: float = 2.0) -> Samples:
    return (level * np.sin(np.arange(int(seconds * 16_000)) * 0.17)).astype(np.float32)


def sound(samples: Samples, rate: int = 16_000) -> Sound:
    return Sound(samples, rate, len(samples) / rate, rate, 1, "pcm_16")


def test_silent_clipped_and_ordinary_sounds() -> None:
    ordinary = signals(sound(sine(0.3)))[0]
    silent = signals(sound(np.zeros(32_000, np.float32)))[0]
    clipped = signals(sound(np.clip(sine(2.0), -1, 1)))[0]
    assert (ordinary["silence_share"], ordinary["clipping_share"]) == (0, 0)
    assert ordinary["level_dbfs"] == pytest.approx(20 * np.log10(0.3 / np.sqrt(2)), abs=0.1)
    assert (silent["silence_share"], silent["level_dbfs"]) == (1, -120)
    assert clipped["clipping_share"] > 0.5


def test_hiss_is_silence_and_a_quiet_recording_is_not() -> None:
    hiss = np.random.default_rng(1).normal(0, 10 ** (-70 / 20), 32_000).astype(np.float32)
    assert signals(sound(hiss))[0]["silence_share"] == 1
    assert signals(sound(sine(np.sqrt(2) * 10 ** (-45 / 20))))[0]["silence_share"] == 0


def test_a_pause_counts_by_its_share() -> None:
    half = np.concatenate([sine(0.3), np.zeros(32_000, np.float32)])
    assert signals(sound(half))[0]["silence_share"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("samples", [1, 100, 799, 801])
def test_very_short_sounds_are_measured(samples: int) -> None:
    row, clip, peaks = signals(sound(sine(0.5)[:samples]))
    assert np.isfinite(row["level_dbfs"])
    assert clip.startswith(b"OggS")
    assert len(peaks) == 128


def test_the_preview_is_ten_seconds_of_playable_ogg() -> None:
    rate = 44_100
    wave = (0.3 * np.sin(2 * np.pi * 440 * np.arange(15 * rate) / rate)).astype(np.float32)
    _, clip, _ = signals(sound(wave, rate))
    again = audio.decode(clip)
    assert again.duration_s == pytest.approx(10, abs=0.05)
    assert np.abs(again.samples).max() == pytest.approx(0.3, abs=0.05)


def test_the_envelope_follows_the_peaks() -> None:
    rising = np.linspace(0, 1, 16_000, dtype=np.float32)
    peaks = np.frombuffer(envelope(rising), np.uint8)
    assert peaks[-1] == 255
    assert (np.diff(peaks.astype(int)) >= 0).all()
