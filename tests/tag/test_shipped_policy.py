"""What the shipped rules say of sounds made, encoded, decoded and measured here, and of sizes of pictures."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from m5tools.measure.audio import signals
from m5tools.media import audio
from m5tools.media.audio import Samples
from m5tools.synth import clips
from m5tools.tag.policy import load
from m5tools.tag.verdicts import judge, needed

RATE = 16_000
SECONDS = 2.5
TIME = np.arange(int(SECONDS * RATE)) / RATE


def tags_of_sound_track(samples: Samples) -> set[str]:
    """The tags of a clip's sound track, AAC at 32 kbit/s."""
    frames = clips.black(SECONDS, np.random.default_rng(0))
    row = signals(audio.decode(clips.encoded(frames, samples, RATE), rate=None))[0]
    policy = load("default")
    found = judge(policy, "audio", pl.LazyFrame([row | {"asset_id": "a"}]), "asset_id")
    return {policy.rules[place].tag for place in found["rule"]}


def chord(root: float) -> Samples:
    wave = sum(np.sin(2 * np.pi * root * 2 ** (step / 12) * TIME) for step in (0, 4, 7))
    wave *= 0.6 + 0.4 * np.exp(-6 * (TIME * 4 % 1))
    return np.asarray(wave / np.abs(wave).max(), np.float32)


@pytest.mark.parametrize("root", [220.0, 330.0, 440.0])
def test_overdrive_is_found_through_a_lossy_codec(root: float) -> None:
    assert tags_of_sound_track(np.clip(chord(root) * 6, -1, 1)) == {"audio.clipped"}


@pytest.mark.parametrize("tone", [110.0, 440.0, 997.0, 3000.0])
def test_a_tone_brought_up_to_full_scale_is_not_overdriven(tone: float) -> None:
    assert tags_of_sound_track(np.sin(2 * np.pi * tone * TIME).astype(np.float32)) == set()


def test_a_chord_brought_up_to_full_scale_is_not_overdriven() -> None:
    assert tags_of_sound_track(chord(220.0)) == set()


@pytest.mark.parametrize(
    ("width", "height", "tiny"),
    [(56, 50, True), (63, 63, True), (64, 20, False), (20, 126, False), (100, 35, False), (600, 15, True)],
)
def test_a_picture_is_tiny_where_neither_side_shows_much_or_one_is_a_line(width: int, height: int, tiny: bool) -> None:
    policy = load("default")
    sides = {"asset_id": "a", "width": width, "height": height, "short_side": min(width, height)}
    row = dict.fromkeys(needed(policy, "image")) | sides
    found = judge(policy, "image", pl.LazyFrame([row]), "asset_id")
    assert {policy.rules[place].tag for place in found["rule"]} == ({"image.tiny"} if tiny else set())
