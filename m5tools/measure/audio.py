"""Signals of one sound, from its samples at their own rate (resampling would round off clipped peaks)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from m5tools.media.audio import Samples, Sound, encode_ogg, resample

WINDOW_S: Final = 0.05
SILENCE_DBFS: Final = -60.0
FLOOR_DBFS: Final = -120.0
FULL_SCALE: Final = 0.999
PREVIEW_S: Final = 10
PREVIEW_RATE: Final = 16_000
PEAKS: Final = 128


def signals(sound: Sound) -> tuple[dict[str, Any], bytes, bytes]:
    """Columns of `signals_audio` (without id, state, reason and origin), the clip as Ogg Opus, the envelope."""
    samples = sound.samples
    row = {
        "codec": sound.codec,
        "duration_s": sound.duration_s,
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
        "level_dbfs": float(_dbfs(np.array([np.mean(np.square(samples, dtype=np.float64))]))[0]),
        "silence_share": _silence_share(samples, sound.rate),
        "clipping_share": float(np.mean(np.abs(samples) >= FULL_SCALE)),
    }
    clip = resample(samples[: PREVIEW_S * sound.rate], sound.rate, PREVIEW_RATE)[: PREVIEW_S * PREVIEW_RATE]
    return row, encode_ogg(np.clip(clip, -1, 1), PREVIEW_RATE), envelope(samples)


def _dbfs(power: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Mean power → dB relative to full scale."""
    decibels: npt.NDArray[np.float64] = 10 * np.log10(np.maximum(power, 10 ** (FLOOR_DBFS / 10)))
    return decibels


def _silence_share(samples: Samples, rate: int) -> float:
    """Share of the windows below the threshold; a sound shorter than one window is one window."""
    window = min(max(1, round(WINDOW_S * rate)), len(samples))
    whole = samples[: len(samples) // window * window].reshape(-1, window)
    levels = _dbfs(np.mean(np.square(whole, dtype=np.float64), axis=1))
    return float(np.mean(levels < SILENCE_DBFS))


def envelope(samples: Samples) -> bytes:
    """The highest magnitude in each of 128 equal stretches, 255 = full scale."""
    edges = np.arange(PEAKS) * len(samples) // PEAKS
    peaks = np.maximum.reduceat(np.abs(samples), edges)
    return bytes(np.rint(np.clip(peaks, 0, 1) * 255).astype(np.uint8))
