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
    """The share of frames that are voiced and within 30 dB of the loudest, 0–1; 0 below 800 Hz, too low for a pitch."""
    if spectra.rate < 2 * HIGHEST_PITCH_HZ:
        return 0.0
    power = spectra.power[::EVERY]
    total = np.add.reduce(power, axis=1)
    loudest = float(total.max())
    if loudest <= 0:
        return 0.0
    heard = total > QUIET * loudest
    alike = power[heard] @ _periods(spectra.rate, spectra.size)
    pitch = alike[:, 1:].max(axis=1)
    return int(np.count_nonzero(pitch > VOICED * alike[:, 0])) / len(power)


@cache
def _periods(rate: float, size: int) -> npt.NDArray[np.float32]:
    """From a power spectrum to how much the frame is like itself at once, and after each period of a voice with the
    fading undone: float32 [bins, 1 + periods]. The product costs less than the inverse transform, of which a fifth is
    used.
    """
    first, last = int(rate / HIGHEST_PITCH_HZ), int(rate / LOWEST_PITCH_HZ)
    lags = np.r_[0, first : max(last, first + 1)]
    cosines = np.cos(2 * np.pi / size * np.outer(np.arange(size // 2 + 1), lags)) * 2 / size
    cosines[[0, -1]] /= 2  # the outer bins stand for themselves, all others for their mirror images too
    cosines[:, 1:] /= _fade(rate, size)[lags[1:]]
    return cosines.astype(np.float32)


def _fade(rate: float, size: int) -> npt.NDArray[np.float32]:
    """How the window of a frame makes distant samples less alike than they are."""
    window = np.hanning(round(FRAME_S * rate))
    alike = scipy.fft.irfft(np.abs(scipy.fft.rfft(window, size)) ** 2)
    fade: npt.NDArray[np.float32] = np.maximum(alike / alike[0], 0.05).astype(np.float32)
    return fade
