"""Sounds: a chord and rhythm of the category, a melody of the instance, gain and hiss of the recording."""

from __future__ import annotations

import io
from typing import Final

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

from m5tools.synth.looks import Looks

Wave = NDArray[np.float32]  # mono samples, full scale is 1
_SCALE: Final = np.array([0, 2, 4, 5, 7, 9, 11])
_CHORDS: Final = ((0, 4, 7), (0, 3, 7), (0, 5, 7), (0, 4, 8))
_RHYTHMS: Final = ("x...x...", "x.x.x.x.", "xxxxxxxx", "x..x..x.", "x.xxx.xx", "xx..xx..", "x......x", "x.x...x.")
_FORMATS: Final = {"wav": ("WAV", "PCM_16"), "flac": ("FLAC", "PCM_16"), "mp3": ("MP3", "MPEG_LAYER_III"),
                   "ogg": ("OGG", "VORBIS")}  # fmt: skip


def sound(looks: Looks, row: int, rate: int, seconds: float, rng: np.random.Generator) -> Wave:
    """The sound of an offer, float32 mono in (-0.7, 0.7), `rate` samples a second."""
    count = int(rate * seconds)
    time = np.arange(count, dtype=np.float32) / rate
    root = 220.0 * 2 ** (float(looks.key[row]) / 12)
    wave: Wave = np.zeros(count, np.float32)
    for interval in _CHORDS[int(looks.chord[row])]:
        wave += np.sin(np.float32(2 * np.pi * root * 2 ** (interval / 12)) * time)
    beat = np.array([mark == "x" for mark in _RHYTHMS[int(looks.rhythm[row])]], np.float32)
    step = np.minimum((time * 8).astype(np.int64) % 8, 7)
    wave *= (0.25 + 0.75 * beat[step] * np.exp(-6 * (time * 8 % 1))) / 3
    notes = _SCALE[looks.melody[row]][np.minimum((time * 4 / np.float32(seconds)).astype(np.int64), 3)]
    frequency = (2 * root * 2 ** (notes / 12)).astype(np.float32)
    turn = np.cumsum(np.float32(2 * np.pi / rate) * frequency)
    wave += np.float32(0.5) * (np.sin(turn) + np.float32(looks.timbre[row]) * np.sin(2 * turn))
    wave += rng.uniform(0.005, 0.03) * rng.standard_normal(count, np.float32)
    peak = rng.uniform(0.25, 0.65)
    wave *= float(peak / np.abs(wave).max())
    return wave


def silence(rate: int, seconds: float, rng: np.random.Generator) -> Wave:
    """A recording of nothing: the hiss of an open input near -75 dBFS, at times with the hum of the mains or one click,
    at times digital zero."""
    count = int(rate * seconds)
    kind = rng.random()
    if kind < 0.2:
        return np.zeros(count, np.float32)
    wave = rng.standard_normal(count, np.float32) * np.float32(_amplitude(rng.uniform(-85, -66)))
    if kind < 0.4:
        hum = np.sin(np.float32(2 * np.pi * 50 / rate) * np.arange(count, dtype=np.float32))
        wave += hum * np.float32(_amplitude(rng.uniform(-80, -68)))
    elif kind < 0.6:
        wave[: rate // 200] += np.float32(_amplitude(-30))
    return wave


def quiet(wave: Wave, rng: np.random.Generator) -> Wave:
    """The sound recorded far too low, near -45 dBFS, and still to be heard."""
    level = np.sqrt(np.mean(np.square(wave)))
    return np.asarray(wave * np.float32(_amplitude(rng.uniform(-48, -40)) / level), np.float32)


def clipped(wave: Wave, rng: np.random.Generator) -> Wave:
    """The sound recorded many times too loud: flat at full scale for much of the time."""
    return np.asarray(np.clip(wave / np.abs(wave).max() * rng.uniform(4, 12), -1, 1), np.float32)


def _amplitude(dbfs: float) -> float:
    """Root mean square amplitude of a level, full scale 1."""
    return float(10 ** (dbfs / 20))


def encoded(wave: Wave, rate: int, suffix: str) -> bytes:
    """A WAV, FLAC, MP3 or Ogg Vorbis file."""
    container, subtype = _FORMATS[suffix]
    buffer = io.BytesIO()
    soundfile.write(buffer, wave, rate, format=container, subtype=subtype)
    return _without_serial_number(buffer.getvalue()) if suffix == "ogg" else buffer.getvalue()


def _without_serial_number(ogg: bytes) -> bytes:
    """The same stream repacked: libsndfile draws its serial number from the clock (RFC 3533, section 6, field 5)."""
    repacked = io.BytesIO()
    with (
        av.open(io.BytesIO(ogg), "r") as source,
        av.open(repacked, "w", format="ogg", options={"fflags": "+bitexact"}) as target,
    ):
        stream = target.add_stream_from_template(source.streams.audio[0])
        for packet in source.demux(audio=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    return repacked.getvalue()
