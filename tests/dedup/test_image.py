"""The Hamming join and the pairing of picture sets."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.image import near_hashes, picture_pairs
from m5tools.measure.image import signals
from m5tools.media.image import decode

from .shop import POLICY, drawing, encoded


def _flipped(hashes: np.ndarray[Any, Any], bits: int, rng: np.random.Generator) -> np.ndarray[Any, Any]:
    wide = np.unpackbits(hashes, axis=1)
    for row in wide:
        row[rng.choice(256, bits, replace=False)] ^= 1
    return np.packbits(wide, axis=1)


def test_near_hashes_reach_the_recall_and_are_exact() -> None:
    rng = np.random.default_rng(0)
    first = rng.integers(0, 256, (2000, 32), dtype=np.uint8)
    rules = POLICY.picture
    for bits in (8, rules.distance):
        hashes = np.concatenate([first, _flipped(first, bits, rng)])
        found = set(near_hashes(hashes, rules, 500).pairs.rows())
        wanted = {(i, i + 2000) for i in range(2000)}
        assert len(found & wanted) >= (rules.recall - 0.01) * len(wanted)
        assert found <= wanted


def _pictures(rows: list[tuple[int, bytes]]) -> pl.DataFrame:
    told = [(row, f"file {i}", signals(decode(data))[0]) for i, (row, data) in enumerate(rows)]
    frame = pl.DataFrame(
        [{"row": r, "asset_id": a, **{c: s[c] for c in ("pdq", "pdq_trimmed", "colours")}} for r, a, s in told]
    )
    return frame.with_columns(pl.col("row").cast(pl.UInt32))


def test_sets_of_pictures_match_in_any_order() -> None:
    one, two, three = (encoded(drawing(seed)) for seed in (1, 2, 3))
    frame = _pictures([(0, one), (0, two), (1, two), (1, one), (2, three)])
    pairs, _ = picture_pairs(frame, POLICY)
    assert pairs.select("a", "b", "pictures").rows() == [(0, 1, 1.0)]


def test_another_colour_is_told_apart() -> None:
    red, blue = encoded(drawing(3, (190, 40, 40))), encoded(drawing(3, (40, 80, 190)))
    pairs, _ = picture_pairs(_pictures([(0, red), (1, blue)]), POLICY)
    assert pairs.select("pictures", "recoloured").rows() == [(0.0, 1.0)]


def test_no_pictures() -> None:
    pairs, hubs = picture_pairs(_pictures([(0, encoded(drawing(1)))]).clear(), POLICY)
    assert pairs.is_empty()
    assert hubs == 0
