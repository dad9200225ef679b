"""Sound signals: silence, clipping, level."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m5tools.measure.audio import envelope, signals
from m5tools.media import audio
from m5tools.media.audio import Samples, Sound

from ..media.files import sound_file


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


def test_a_constant_offset_is_nothing_to_hear() -> None:
    silent = signals(sound(np.full(32_000, 0.3, np.float32)))[0]
    assert (silent["silence_share"], silent["dc"]) == (1, pytest.approx(0.3))
    assert signals(sound(sine(0.3) + np.float32(0.3)))[0]["silence_share"] == 0


@pytest.mark.parametrize("rate", [1, 50, 200, 799])
@pytest.mark.filterwarnings("error")
def test_a_rate_below_any_voice_holds_no_speech(rate: int) -> None:
    assert signals(sound(sine(0.5), rate))[0]["speech_share"] == 0


def test_a_pause_counts_by_its_share() -> None:
    half = np.concatenate([sine(0.3), np.zeros(32_000, np.float32)])
    assert signals(sound(half))[0]["silence_share"] == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("samples", [1, 100, 799, 801])
def test_very_short_sounds_are_measured(samples: int) -> None:
    row, preview = signals(sound(sine(0.5)[:samples]))
    assert np.isfinite(row["level_dbfs"])
    assert preview["preview"].startswith(b"RIFF")
    assert len(preview["envelope"]) == 128


def test_the_preview_is_ten_seconds_of_playable_wav() -> None:
    rate = 44_100
    wave = (0.3 * np.sin(2 * np.pi * 440 * np.arange(15 * rate) / rate)).astype(np.float32)
    _, preview = signals(sound(wave, rate))
    again = audio.decode(preview["preview"])
    assert 8_000 <= again.sample_rate < 16_000
    assert again.duration_s == pytest.approx(10, abs=0.05)
    assert np.abs(again.samples).max() == pytest.approx(0.3, abs=0.05)


def test_the_envelope_follows_the_peaks() -> None:
    rising = np.linspace(0, 1, 16_000, dtype=np.float32)
    peaks = np.frombuffer(envelope(rising), np.uint8)
    assert peaks[-1] == 255
    assert (np.diff(peaks.astype(int)) >= 0).all()


def test_overdriven_is_told_from_brought_up_to_full_scale() -> None:
    normalised = sound(sine(1.0))
    low_tone = sound(np.sin(2 * np.pi * 40 * np.arange(32_000) / 16_000).astype(np.float32))
    overdriven = sound(np.clip(sine(1.5), -1, 1))
    for one in (normalised, low_tone):
        row = signals(one)[0]
        assert row["clipping_share"] > 0.01
        assert row["overdriven_share"] < 0.01
    assert signals(overdriven)[0]["overdriven_share"] > 0.4


def test_loudness_of_the_standard_tone() -> None:
    """ITU-R BS.1770-4: a sine of 997 Hz at full scale in one channel reads −3.01 LUFS."""
    for rate in (16_000, 44_100, 48_000):
        wave = np.sin(2 * np.pi * 997 * np.arange(5 * rate) / rate).astype(np.float32)
        assert signals(sound(wave, rate))[0]["loudness_lufs"] == pytest.approx(-3.01, abs=0.2)
        halves = np.concatenate([wave, np.zeros_like(wave)])
        assert signals(sound(halves, rate))[0]["loudness_lufs"] == pytest.approx(-3.01, abs=1.0)
    assert signals(sound(np.zeros(32_000, np.float32)))[0]["loudness_lufs"] is None


def test_samples_beyond_all_sounds_have_no_loudness() -> None:
    huge = np.full(32_000, 3e38, np.float32) * np.where(np.arange(32_000) % 2, 1, -1).astype(np.float32)
    assert signals(sound(huge))[0]["loudness_lufs"] is None


def test_a_sound_brought_up_from_a_lower_rate_ends_at_its_half() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, 4 * 44_100).astype(np.float32)
    narrow = audio.resample(audio.resample(noise, 44_100, 16_000), 16_000, 44_100)
    assert signals(sound(noise, 44_100))[0]["bandwidth_hz"] > 21_000
    assert signals(sound(narrow, 44_100))[0]["bandwidth_hz"] == pytest.approx(8_000, rel=0.2)


def test_dc_is_the_mean() -> None:
    assert signals(sound(sine(0.3) + np.float32(0.1)))[0]["dc"] == pytest.approx(0.1, abs=0.01)


def shared(a: bytes, b: bytes) -> float:
    """Share of the smaller fingerprint found in the other at the commonest shift in time."""
    one, other = (np.frombuffer(f, "<u4") for f in (a, b))
    key, shift = (
        (one >> 16)[:, None] == (other >> 16),
        (other & 0xFFFF).astype(int) - (one & 0xFFFF)[:, None].astype(int),
    )
    met = shift[key]
    return 0.0 if not len(met) else np.bincount(met - met.min()).max() / min(len(one), len(other))


def test_the_fingerprint_survives_re_encoding_and_tells_sounds_apart(real_data: Path) -> None:
    folders = ("librosa_audio", "tuxpaint_stamps")
    files = [f for d in folders for f in sorted((real_data / d).rglob("*.ogg")) if ".hq" not in f.name]  # hq: copies
    sounds = [audio.decode(file.read_bytes(), rate=None, max_s=15) for file in files[:7] + files[7::12]]
    sounds = [one for one in sounds if len(one.samples) > one.rate]
    plain = [signals(one)[0]["fingerprint"] for one in sounds]
    assert max(len(one) for one in plain) < 4 * 60 * 15
    for level, coded in ((0.9, "MP3"), (0.5, "OPUS")):
        copies = [signals(re_encoded(one, level, coded))[0]["fingerprint"] for one in sounds]
        told = [i for i, one in enumerate(plain) if len(one) >= 4 * 40]
        same = [shared(plain[i], copies[i]) for i in told]
        others = [shared(plain[i], copies[j]) for i in told for j in told if i != j]
        assert len(told) >= 6
        assert min(same) > max(others)
        assert np.median(same) > 3 * max(others)


def re_encoded(one: Sound, level: float, kind: str) -> Sound:
    samples = audio.resample(one.samples, one.rate, 16_000) * np.float32(level)
    return audio.decode(audio.encode_ogg(samples) if kind == "OPUS" else sound_file(samples, kind), rate=None)


def test_voices_are_voiced_and_noise_is_not(real_data: Path) -> None:
    digits = sorted((real_data / "spoken_digits").rglob("*.wav"))[::9]
    voices = [signals(audio.decode(file.read_bytes(), rate=None))[0]["speech_share"] for file in digits]
    noise = np.random.default_rng(3).normal(0, 0.1, 32_000).astype(np.float32)
    assert np.median(voices) > 0.5 > 0.1 > signals(sound(noise))[0]["speech_share"]
    assert signals(sound(np.zeros(32_000, np.float32)))[0]["speech_share"] == 0
