"""Sounds: formats, rates, tracks of videos, encoding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m5tools.media import audio
from m5tools.media.guard import DecodeError, NoSoundTrack

from .files import photo, sound_file, tone, video_file


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "AIFF"])
def test_every_format_gives_the_samples_and_the_facts(kind: str) -> None:
    wave = tone(seconds=2, rate=44_100, channels=2)
    sound = audio.decode(sound_file(wave, kind, 44_100), rate=None)
    assert (sound.sample_rate, sound.channels, sound.rate) == (44_100, 2, 44_100)
    assert sound.duration_s == pytest.approx(2, abs=0.1)
    assert sound.samples.dtype == np.float32
    assert np.sqrt(np.mean(sound.samples**2)) == pytest.approx(0.3 / np.sqrt(2), abs=0.02)


def test_channels_are_averaged() -> None:
    opposite = np.stack([tone(), -tone()], axis=1)
    assert np.abs(audio.decode(sound_file(opposite)).samples).max() < 1e-3


def test_resampling_keeps_time_and_pitch() -> None:
    sound = audio.decode(sound_file(tone(rate=44_100), rate=44_100), rate=16_000)
    assert (sound.rate, sound.sample_rate) == (16_000, 44_100)
    assert abs(len(sound.samples) - 32_000) < 20
    assert np.corrcoef(sound.samples[1000:9000], tone()[1000:9000])[0, 1] > 0.999


def test_only_the_first_seconds_are_decoded_but_the_length_is_the_whole() -> None:
    for kind in ("WAV", "MP3"):
        sound = audio.decode(sound_file(tone(seconds=5), kind), max_s=1)
        assert len(sound.samples) == 16_000
        assert sound.duration_s == pytest.approx(5, abs=0.15)


@pytest.mark.parametrize("kind", ["mp4", "webm"])
def test_the_track_of_a_video(kind: str) -> None:
    data = video_file([photo(64, 48)] * 20, sound=tone(), kind=kind)
    sound = audio.decode(data)
    assert sound.duration_s == pytest.approx(2, abs=0.15)
    assert sound.codec == {"mp4": "aac", "webm": "opus"}[kind]
    assert np.abs(sound.samples).max() == pytest.approx(0.3, abs=0.05)


def test_a_video_without_sound_is_no_broken_file() -> None:
    with pytest.raises(NoSoundTrack):
        audio.decode(video_file([photo(64, 48)] * 3))


def test_an_empty_wav_is_empty() -> None:
    with pytest.raises(DecodeError, match="empty"):
        audio.decode(sound_file(np.zeros(0, np.float32)))


def test_encoding_is_reproducible_and_readable() -> None:
    wave = tone(seconds=3)
    ogg = audio.encode_ogg(wave)
    assert ogg == audio.encode_ogg(wave)
    again = audio.decode(ogg)
    assert again.codec == "opus"
    assert again.duration_s == pytest.approx(3, abs=0.05)
    assert np.sqrt(np.mean(again.samples**2)) == pytest.approx(0.3 / np.sqrt(2), abs=0.02)
    flac = audio.decode(audio.encode_flac(wave))
    assert np.abs(flac.samples - wave).max() < 1e-4


def test_mu_law_is_read_back_within_its_steps() -> None:
    wave = np.concatenate([tone(level=1.0), tone(level=0.01)[:-1]])
    coded = audio.encode_ulaw(wave, 16_000)
    again = audio.decode(coded, rate=None)
    assert (again.codec, again.rate, len(again.samples)) == ("ulaw", 16_000, len(wave))
    assert (np.abs(again.samples - wave) <= 0.002 + 0.04 * np.abs(wave)).all()


def test_odd_sounds_all_end_in_samples_or_a_reason(real_data: Path) -> None:
    folders = ("odd_audio_mutagen", "moviepy_av", "mdn_video", "torchcodec_av")
    files = sorted(f for d in folders for f in (real_data / d).rglob("*") if f.is_file() and f.suffix != ".md")
    outcomes: list[str] = []
    for file in files:
        try:
            sound = audio.decode(file.read_bytes(), max_s=30)
        except DecodeError as error:
            outcomes.append(error.reason.word)
        else:
            assert len(sound.samples)
            assert np.isfinite(sound.samples).all()
            outcomes.append("samples")
    assert len(outcomes) > 60
    assert outcomes.count("samples") > 40
    assert outcomes.count("not_listed") >= 4
