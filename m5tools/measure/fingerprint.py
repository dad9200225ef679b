"""Fingerprints of sounds that survive re-encoding: pairs of spectral peaks and the time between them.

After Wang, "An Industrial-Strength Audio Search Algorithm", ISMIR 2003. Frames and bands are laid out in seconds and
hertz, so that copies of another sampling rate meet the same grid.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

FRAME_S: Final = 0.064
HOP_S: Final = 0.032
BANDS: Final = 32
LOWEST_HZ, HIGHEST_HZ = 250.0, 3500.0
NEAR: Final = (5, 7)  # bands and frames within which a peak is the highest
ABOVE: Final = 2.0  # times the mean of its frame's bands that a peak has, at least
FAINT: Final = 1e-3  # of the strongest: what is fainter is no peak
SILENT: Final = 1e-7
FAN_OUT: Final = 3
MOST_FRAMES: Final = 2**16
_LONGEST: Final = 63  # frames between two peaks of a pair

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Spectra:
    """Short-time spectra of a sound.

    Attributes:
        power: float32 [frames, bins].
        rate: of the sound in Hz.
        size: samples of the transform.
    """

    power: Floats
    rate: float
    size: int

    @property
    def bands(self) -> Floats:
        """Power in 32 bands of equal width in octaves: float32 [frames, 32]."""
        return self.power @ _bands(self.rate, self.size)


def spectra(samples: Floats, rate: float) -> Spectra:
    """Power spectra every 32 ms, of 64 ms each; a sound shorter than that is one frame."""
    length = max(1, round(FRAME_S * rate))
    if len(samples) < length:
        samples = np.pad(samples, (0, length - len(samples)))
    count = min(1 + int((len(samples) - length) / (HOP_S * rate)), MOST_FRAMES)
    starts = np.rint(np.arange(count) * (HOP_S * rate)).astype(np.intp)
    # The constructor makes the overlapping view; sliding_window_view takes as long as the transform of half a second.
    every: Floats = np.ndarray((len(samples) - length + 1, length), np.float32, samples, 0, 2 * samples.strides)
    size = 2 * cv2.getOptimalDFTSize(-(-length // 2))
    frames = np.zeros((count, size), np.float32)
    np.multiply(every[np.minimum(starts, len(samples) - length)], _window(length), out=frames[:, :length])
    return Spectra(power(frames), rate, size)


def power(frames: Floats) -> Floats:
    """Power spectra of rows of an even length, which are spent on it: float32 [n, size] → float32 [n, size // 2 + 1].

    OpenCV's transform takes half as long as SciPy's. It packs a spectrum as the first bin, the real and imaginary parts
    of those between, and the last bin.
    """
    packed: Floats = np.asarray(cv2.dft(frames, frames, cv2.DFT_ROWS), np.float32)
    packed *= packed
    spectra = np.empty((len(packed), packed.shape[1] // 2 + 1), np.float32)
    spectra[:, 0], spectra[:, -1] = packed[:, 0], packed[:, -1]
    np.add(packed[:, 1:-1:2], packed[:, 2:-1:2], out=spectra[:, 1:-1])
    return spectra


@cache
def _window(length: int) -> Floats:
    return np.hanning(length).astype(np.float32)


@cache
def _bands(rate: float, size: int) -> Floats:
    """Which bin belongs to which band: float32 [bins, 32] of ones and zeros."""
    hertz = np.arange(size // 2 + 1) * rate / size
    edges = np.geomspace(LOWEST_HZ, HIGHEST_HZ, BANDS + 1)
    # A band narrower than a bin takes the bin in whose reach its middle lies.
    middles = np.sqrt(edges[:-1] * edges[1:])
    inside = (hertz[:, None] >= edges[:-1]) & (hertz[:, None] < edges[1:])
    nearest = np.abs(hertz[:, None] - middles).argmin(axis=0)
    inside[nearest, np.arange(BANDS)] = True
    return inside.astype(np.float32)


def landmarks(bands: Floats) -> bytes:
    """The fingerprint of a sound from the power in its bands, float32 [frames, 32].

    Returns:
        Sorted little-endian uint32, four bytes each: band of a peak (5 bits), band of a later one (5), frames of 32 ms
        between them (6), frame of the first (16). What two sounds share of the upper 16 bits, at one difference of the
        lower 16, tells how much of one is the other. Empty for silence.
    """
    around: Any = cv2.dilate(bands, np.ones((NEAR[1], NEAR[0]), np.uint8))
    ground = np.maximum(ABOVE / BANDS * bands.sum(axis=1), max(FAINT * float(bands.max()), SILENT))
    frame, band = np.nonzero((bands >= around) & (bands > ground[:, None]))
    ahead = range(1, FAN_OUT + 1)
    between = np.concatenate([frame[n:] - frame[:-n] for n in ahead])
    later, earlier = band << 22, band << 27 | frame
    pairs = np.concatenate([earlier[:-n] | later[n:] for n in ahead]) | between << 16
    near = (between >= 1) & (between <= _LONGEST)
    return np.sort(pairs[near].astype("<u4")).tobytes()
