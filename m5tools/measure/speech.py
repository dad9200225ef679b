"""How much of a sound is like speech: the share of voiced frames.

A voice has a pitch between 70 and 400 Hz, which makes its frames like themselves one period later; noises have none,
and of chords no single period fits. Song and single low instruments are voiced too.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt
import scipy.fft

from m5tools.measure.fingerprint import FRAME_S, Spectra

LOWEST_PITCH_HZ, HIGHEST_PITCH_HZ = 70.0, 400.0
VOICED: Final = 0.5
EVERY: Final = 2  # frames
QUIET: Final = 1e-3  # −30 dB of the loudest frame


def speech_share(spectra: Spectra) -> float:
    """The share of frames that are voiced and within 30 dB of the loudest, 0–1."""
    power = spectra.power[::EVERY]
    total = power.sum(axis=1)
    loudest = float(total.max())
    if loudest <= 0:
        return 0.0
    heard = total > QUIET * loudest
    alike = scipy.fft.irfft(power[heard], spectra.size, axis=1)
    first, last = int(spectra.rate / HIGHEST_PITCH_HZ), int(spectra.rate / LOWEST_PITCH_HZ)
    fade = _fade(spectra.rate, spectra.size)[first:last]
    pitch = (alike[:, first:last] / np.maximum(alike[:, :1], 1e-12) / fade).max(axis=1)
    return float((pitch > VOICED).sum() / len(power))


@cache
def _fade(rate: float, size: int) -> npt.NDArray[np.float32]:
    """How the window of a frame makes distant samples less alike than they are."""
    window = np.hanning(round(FRAME_S * rate))
    alike = scipy.fft.irfft(np.abs(scipy.fft.rfft(window, size)) ** 2)
    fade: npt.NDArray[np.float32] = np.maximum(alike / alike[0], 0.05).astype(np.float32)
    return fade
