"""Sounds by their landmarks."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from m5tools.dedup.evidence.audio import same_sounds
from m5tools.dedup.evidence.files import Files, in_order
from m5tools.measure.audio import signals
from m5tools.media import audio
from m5tools.media.audio import Sound, encode_ogg
from tests.dedup.shop import POLICY

RATE = 16_000


def melody(seed: int, seconds: float = 4.0) -> npt.NDArray[np.float32]:
    """Tones of random height and length, with overtones."""
    draw = np.random.default_rng(seed)
    parts = []
    while sum(map(len, parts)) < seconds * RATE:
        time = np.arange(int(draw.uniform(0.08, 0.3) * RATE)) / RATE
        tone = sum(np.sin(2 * np.pi * time * draw.uniform(300, 1_000) * n) / n for n in (1, 2, 3))
        parts.append(0.2 * tone * np.hanning(len(time)))
    return np.concatenate(parts)[: int(seconds * RATE)].astype(np.float32)


def measured(samples: npt.NDArray[np.float32], rate: int = RATE) -> bytes:
    mark: bytes = signals(Sound(samples, rate, len(samples) / rate, rate, 1, "pcm"))[0]["fingerprint"]
    return mark


def reencoded(samples: npt.NDArray[np.float32]) -> bytes:
    sound = audio.decode(encode_ogg(samples), rate=None, max_s=60)
    return measured(sound.samples, sound.rate)


def pairs(*marks: bytes | None) -> set[tuple[int, int]]:
    files = pl.DataFrame({"fingerprint": marks}, {"fingerprint": pl.Binary})
    with tempfile.TemporaryDirectory() as scratch:
        found, _ = same_sounds(in_order(files), POLICY.sound, POLICY.join, Path(scratch))
    return set(found.select("a", "b").iter_rows())


def test_a_re_encoded_copy_and_a_cut_one() -> None:
    whole = melody(1)
    assert pairs(measured(whole), reencoded(whole), measured(melody(2))) == {(0, 1)}
    assert pairs(measured(whole), measured(whole[5_000:])) == {(0, 1)}


def test_louder_is_the_same_and_backwards_is_not() -> None:
    whole = melody(3)
    assert pairs(measured(whole), measured(whole / 4), measured(whole[::-1].copy())) == {(0, 1)}


def test_silence_and_nulls_match_nothing() -> None:
    silence = measured(np.zeros(4 * RATE, np.float32))
    assert silence == b""
    assert pairs(silence, silence, None, None, b"") == set()
    assert pairs() == set()


def test_few_landmarks_say_nothing() -> None:
    few = measured(melody(1))[: 4 * (POLICY.sound.min_landmarks - 1)]
    assert pairs(few, few) == set()


def test_the_order_of_rows_changes_nothing() -> None:
    marks = [measured(melody(1)), reencoded(melody(1)), measured(melody(2)), reencoded(melody(2))]
    last = len(marks) - 1
    assert pairs(*marks) == {(0, 1), (2, 3)} == {(last - b, last - a) for a, b in pairs(*marks[::-1])}


@pytest.mark.real_data
def test_recordings_at_two_bit_rates(real_data: Path) -> None:
    names = ("198-209-0000", "3436-172162-0000", "5703-47212-0000", "sorohanro_-_solo-trumpet-06")
    files = [real_data / "librosa_audio" / f"{name}{kind}.ogg" for name in names for kind in ("", ".hq")]
    sounds = [audio.decode(file.read_bytes(), rate=None, max_s=20) for file in files]
    marks = [measured(sound.samples, sound.rate) for sound in sounds]
    assert pairs(*marks) == {(0, 1), (2, 3), (4, 5), (6, 7)}


def test_parts_make_no_difference(tmp_path: Path) -> None:
    whole = [melody(seed) for seed in range(4)]
    marks = [*map(measured, whole), None, *map(reencoded, whole)]
    frame = pl.DataFrame({"fingerprint": marks}, {"fingerprint": pl.Binary})
    found, hubs = same_sounds(in_order(frame), POLICY.sound, POLICY.join, tmp_path)
    assert found.select("a", "b").rows() == [(n, n + 5) for n in range(4)]
    numbers = pl.Series(range(9), dtype=pl.UInt32)
    cuts = [(0, 2), (2, 0), (2, 7)]
    files = Files([frame.slice(*cut).lazy() for cut in cuts], [numbers.slice(*cut) for cut in cuts])
    again, hubs_again = same_sounds(files, POLICY.sound, POLICY.join, tmp_path)
    assert again.equals(found)
    assert hubs_again == hubs
