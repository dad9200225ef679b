"""Clips by their frames in order."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dedup.evidence.files import Files
from m5tools.dedup.evidence.video import COLUMNS, same_clips
from tests.dedup.shop import POLICY

Story = npt.NDArray[np.uint8]
TENTHS = 10


def story(seed: int, seconds: int = 12) -> Story:
    """What a camera sees: a hash every tenth of a second, changing slowly inside a second, uint8 [tenths, 32]."""
    draw = np.random.default_rng(seed)
    wide = np.unpackbits(draw.integers(0, 256, (seconds, 32), dtype=np.uint8), axis=1).repeat(TENTHS, axis=0)
    for place, row in enumerate(wide):
        row[draw.permutation(256)[: place % TENTHS]] ^= 1
    return np.packbits(wide, axis=1)


def clip(number: int, seen: Story, quality: int = 100, frames: slice = slice(None)) -> dict[str, object]:
    """As measured: frames every second, glances every 0.3 s."""
    kept = [one.tobytes() for one in seen[::TENTHS]][frames]
    return {
        "file": number,
        "frame_pdq": kept,
        "frame_pdq_quality": [quality] * len(kept),
        "glance_pdq": seen[::3].tobytes(),
    }


def table(*rows: dict[str, object]) -> pl.DataFrame:
    kinds = (pl.List(pl.Binary), pl.List(pl.Int32), pl.Binary)
    return pl.DataFrame(rows, {"file": pl.UInt32} | dict(zip(COLUMNS, kinds, strict=True)))


def pairs(*rows: dict[str, object]) -> list[tuple[int, int, float]]:
    frame = table(*rows)
    files = Files([frame.lazy()], [frame["file"]])
    with tempfile.TemporaryDirectory() as scratch:
        found, _ = same_clips(files, POLICY.picture, POLICY.clip, POLICY.join, Path(scratch))
    return [(a, b, round(share, 2)) for a, b, share in found.iter_rows()]


def test_a_copy_and_one_cut_at_both_ends() -> None:
    whole = story(1)
    assert pairs(clip(0, whole), clip(1, whole.copy()), clip(2, story(2))) == [(0, 1, 1.0)]
    assert pairs(clip(0, whole), clip(1, whole[2 * TENTHS : -3 * TENTHS])) == [(0, 1, 1.0)]


def test_a_cut_between_two_seconds() -> None:
    whole = story(1)
    (found,) = pairs(clip(0, whole), clip(1, whole[5:]))
    assert found[2] >= 0.9


def test_the_same_frames_in_another_order_are_another_clip() -> None:
    whole = story(1)
    seconds = whole.reshape(-1, TENTHS, 32)
    mixed = seconds[np.random.default_rng(0).permutation(len(seconds))].reshape(-1, 32)
    assert pairs(clip(0, whole), clip(1, mixed)) == []


def test_a_shared_title_card_is_not_enough() -> None:
    one, other = story(1), story(2)
    other[: 2 * TENTHS] = one[: 2 * TENTHS]
    assert pairs(clip(0, one), clip(1, other)) == []


def test_blank_frames_and_nulls_match_nothing() -> None:
    whole = story(1)
    assert pairs(clip(0, whole, quality=0), clip(1, whole, quality=0)) == []
    missing = {"file": 1, "frame_pdq": None, "frame_pdq_quality": None, "glance_pdq": None}
    assert pairs(clip(0, whole), missing, missing | {"file": 2}) == []
    assert pairs() == []


def test_the_order_of_rows_changes_nothing() -> None:
    whole = story(1)
    rows = [clip(0, whole), clip(1, whole[3:]), clip(2, whole[TENTHS:]), clip(3, story(2))]
    assert pairs(*rows) == pairs(*rows[::-1])
    assert {(a, b) for a, b, _ in pairs(*rows)} == {(0, 1), (0, 2), (1, 2)}
