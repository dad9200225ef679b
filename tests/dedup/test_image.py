"""Copies of pictures, and the pairing of picture sets."""

from __future__ import annotations

import polars as pl

from m5tools.dedup.image import COLUMNS, picture_pairs
from m5tools.measure.image import signals
from m5tools.media.image import decode

from .shop import POLICY, drawing, encoded


def _pictures(rows: list[tuple[int, bytes]]) -> pl.DataFrame:
    told = [(row, f"file {i}", signals(decode(data))[0]) for i, (row, data) in enumerate(rows)]
    frame = pl.DataFrame(
        [{"row": r, "stem": f"thing {r}", "asset_id": a, **{c: s[c] for c in COLUMNS}} for r, a, s in told]
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
