"""Signals of one sound, from its samples at their own rate (resampling would round off clipped peaks)."""

from __future__ import annotations

import math
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from m5tools.measure import fingerprint
from m5tools.measure.speech import speech_share
from m5tools.media.audio import Samples, Sound, encode_ulaw

WINDOW_S: Final = 0.05
SILENCE_DBFS: Final = -60.0
FLOOR_DBFS: Final = -120.0
CLIPPING: Final = 0.999
FULL_SCALE: Final = 0.9999
"""A sine brought to full scale spends less than 1 % of its time this near to it."""
RUN: Final = 3
PREVIEW_S: Final = 10
LOW_RATE: Final = 8_000
PEAKS: Final = 128
BLOCK: Final = 2_048
MOST_BLOCKS: Final = 64
AUDIBLE: Final = 1e-7  # −70 dB of the strongest frequency
LOUDNESS_S: Final = 0.4
OFFSET, ABSOLUTE_GATE, RELATIVE_GATE = -0.691, -70.0, -10.0

Floats = npt.NDArray[np.float32]


def signals(sound: Sound) -> tuple[dict[str, Any], dict[str, Any]]:
    """Columns of `signals_audio` (without id, state, reason and origin) and of `previews_audio` (without id)."""
    samples = sound.samples
    energy, whole = _energy(samples, sound.rate)
    offset = float(np.add.reduce(samples)) / len(samples)
    # A constant offset is nothing to hear, and recorders with a bad one are common; a smaller one hides no silence.
    audible = energy if offset**2 < _power(SILENCE_DBFS) else _energy(samples - np.float32(offset), sound.rate)[0]
    peaks = _stretches(samples)
    low, low_rate = lowered(samples, sound.rate)
    spectrum = fingerprint.spectra(low, low_rate)
    blocks = _blocks(samples)
    row = {
        "codec": sound.codec,
        "duration_s": sound.duration_s,
        "sample_rate": sound.sample_rate,
        "channels": sound.channels,
        "level_dbfs": 10 * math.log10(max(whole, _power(FLOOR_DBFS))),
        "loudness_lufs": loudness(blocks, sound.rate),
        "silence_share": int(np.count_nonzero(audible < _power(SILENCE_DBFS))) / len(audible),
        "dc": offset,
        "bandwidth_hz": bandwidth(blocks, sound.rate),
        "speech_share": speech_share(spectrum),
        "fingerprint": fingerprint.landmarks(spectrum.bands),
    } | _full_scale(samples, float(peaks.max()))
    clip = np.minimum(np.maximum(low[: int(PREVIEW_S * low_rate)], -1), 1)
    return row, {"preview": encode_ulaw(clip, round(low_rate)), "envelope": _bytes(peaks)}


def _power(decibels: float) -> float:
    """dB relative to full scale → mean power."""
    return float(10 ** (decibels / 10))


def _energy(samples: Samples, rate: int) -> tuple[Floats, float]:
    """Mean power of each window of 50 ms, and of the whole; a sound shorter than one window is one window."""
    window = min(max(1, round(WINDOW_S * rate)), len(samples))
    inside = samples[: len(samples) // window * window].reshape(-1, window)
    energy = np.einsum("ij,ij->i", inside, inside) / np.float32(window)
    rest = samples[inside.size :]
    return energy, float((energy.sum(dtype=np.float64) * window + rest @ rest) / len(samples))


def _full_scale(samples: Samples, peak: float) -> dict[str, float]:
    """How much lies at full scale, and how much in runs of at least three samples there: overdriven, not merely
    brought up to full scale."""
    if peak < CLIPPING:
        return {"clipping_share": 0.0, "overdriven_share": 0.0}
    magnitude = np.abs(samples)
    full = magnitude >= FULL_SCALE
    edges = np.flatnonzero(np.diff(full, prepend=False, append=False))
    runs = edges[1::2] - edges[::2]
    return {
        "clipping_share": int(np.count_nonzero(magnitude >= CLIPPING)) / len(samples),
        "overdriven_share": float(runs[runs >= RUN].sum() / len(samples)),
    }


def lowered(samples: Samples, rate: int) -> tuple[Samples, float]:
    """At a whole fraction of the rate, not below 8 kHz, each value a mean: enough for speech and for a preview."""
    factor = max(1, rate // LOW_RATE)
    if factor == 1 or len(samples) < factor:
        return samples, float(rate)
    inside = samples[: len(samples) // factor * factor].reshape(-1, factor)
    low: Samples = inside @ np.full(factor, 1 / factor, np.float32)
    return low, rate / factor


def _blocks(samples: Samples) -> Floats:
    """Power spectra of up to 64 evenly spread blocks of 2,048 samples: float32 [blocks, 1,025]."""
    count = max(1, len(samples) // BLOCK)
    padded = samples if len(samples) >= BLOCK else np.pad(samples, (0, BLOCK - len(samples)))
    step = -(-count // MOST_BLOCKS)
    return fingerprint.power(padded[: count * BLOCK].reshape(-1, BLOCK)[::step] * _window())


@cache
def _window() -> Floats:
    """Hann's, scaled to keep the power: without one a loud tone would leak into all frequencies."""
    window = np.hanning(BLOCK)
    scaled: Floats = (window / np.sqrt(np.mean(window**2))).astype(np.float32)
    return scaled


def bandwidth(blocks: Floats, rate: int) -> float:
    """The highest frequency in Hz whose mean power is within 70 dB of the strongest; 0 for silence.

    A sound brought up from a lower rate ends where that rate's half lies, far below its own.
    """
    mean = np.add.reduce(blocks, axis=0) / np.float32(len(blocks))
    mean[0] = 0
    audible = mean >= max(AUDIBLE * float(mean.max()), BLOCK * 1e-10)
    last = len(audible) - 1 - int(audible[::-1].argmax())
    return last * rate / BLOCK if audible[last] else 0.0


def loudness(blocks: Floats, rate: int) -> float | None:
    """Gated loudness of the mono mix in LUFS (ITU-R BS.1770-4, the weighting applied to spectra); None for silence, and
    for samples so large that their power is no number."""
    size = (blocks.shape[1] - 1) * 2
    power = blocks @ _weighting(rate)
    power /= size**2 / 2
    window = max(1, round(LOUDNESS_S * rate / size))
    if len(power) > window:
        power = np.convolve(power, np.full(window, 1 / window), "valid")
    heard = power[power > _power(ABSOLUTE_GATE - OFFSET)]
    total = float(np.add.reduce(heard))
    if not len(heard) or not math.isfinite(total):
        return None
    loud = heard[heard > total / len(heard) * _power(RELATIVE_GATE)]
    return OFFSET + 10 * math.log10(float(np.add.reduce(loud)) / len(loud))


@cache
def _weighting(rate: int) -> Floats:
    """Power gain of BS.1770's K-weighting at each bin: a shelf of +4 dB above 1.7 kHz, a high-pass near 38 Hz.

    The analogue forms behind the standard's coefficients for 48 kHz, after De Man, "Evaluation of implementations of
    the EBU R128 loudness measurement", AES 2018.
    """
    turn = 1j * np.arange(BLOCK // 2 + 1) * rate / BLOCK
    shelf, quality, gain = 1681.974450955533, 0.7071752369554196, 10 ** (3.999843853973347 / 20)
    middle = gain**0.4996667741545416
    ratio = turn / shelf
    high = (gain * ratio**2 + middle / quality * ratio + 1) / (ratio**2 + ratio / quality + 1)
    ratio = turn / 38.13547087602444
    low = ratio**2 / (ratio**2 + ratio / 0.5003270373238773 + 1)
    response: Floats = (np.abs(high * low) ** 2).astype(np.float32)
    response[-1] /= 2  # the outer bins stand for themselves, all others for their mirror images too
    return response


def envelope(samples: Samples) -> bytes:
    """The highest magnitude in each of 128 equal stretches, 255 = full scale."""
    return _bytes(_stretches(samples))


def _stretches(samples: Samples) -> Floats:
    edges = np.arange(PEAKS) * len(samples) // PEAKS
    peaks: Floats = np.maximum(np.maximum.reduceat(samples, edges), -np.minimum.reduceat(samples, edges))
    return peaks


def _bytes(peaks: Floats) -> bytes:
    return bytes(np.rint(np.minimum(np.maximum(peaks, 0), 1) * 255).astype(np.uint8))
