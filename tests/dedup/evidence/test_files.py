"""From copies of files to pairs of products."""

from __future__ import annotations

import polars as pl

from m5tools.dedup.evidence.files import Listed, recorded_pairs, without_worn
from m5tools.dedup.evidence.files import listed as listed_in_parts
from tests.dedup.shop import POLICY


def assets(*rows: tuple[int, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, {"row": pl.UInt32, "asset_id": pl.String, "stem": pl.String}, orient="row")


def related(*rows: tuple[int, int, float]) -> pl.DataFrame:
    return pl.DataFrame(rows, {"a": pl.UInt32, "b": pl.UInt32, "share": pl.Float32}, orient="row")


def listed(frame: pl.DataFrame, look: str | None = None) -> Listed:
    return listed_in_parts([frame.lazy()], look)


def test_files_are_numbered_by_their_ids_whatever_the_order() -> None:
    frame = assets((3, "c", "x"), (1, "a", "y"), (2, "a", "z"), (2, "b", None))
    plain, turned = listed(frame), listed(frame.reverse())
    for known in (plain, turned):
        files = pl.concat(known.files.read("asset_id")).sort("file")
        assert files.select("file", "asset_id").rows() == [(0, "a"), (1, "b"), (2, "c")]
    assert plain.by.equals(turned.by)


def test_one_recording_and_a_copy_of_it_relate_products() -> None:
    known = listed(assets((0, "a", "x"), (1, "a", "y"), (2, "b", "z"), (3, "c", "w")))
    found = recorded_pairs(related((0, 1, 0.75)), known.by, 20, POLICY.join, "clip").pairs
    assert found.rows() == [(0, 1, 1.0), (0, 2, 0.75), (1, 2, 0.75)]


def test_the_best_of_several_recordings_counts() -> None:
    known = listed(assets((0, "a", "x"), (0, "b", "x"), (1, "c", "y"), (1, "d", "y")))
    found = recorded_pairs(related((0, 2, 0.5), (1, 3, 0.875)), known.by, 20, POLICY.join, "clip").pairs
    assert found.rows() == [(0, 1, 0.875)]


def test_a_recording_of_the_whole_shop_says_nothing() -> None:
    every = assets(*((row, "jingle", f"thing {row}") for row in range(25)))
    found = recorded_pairs(related(), listed(every).by, 20, POLICY.join, "sound")
    assert found.pairs.is_empty()
    assert found.hubs == 1


def test_titles_are_counted_over_looks_and_copies() -> None:
    """Ten titles each for three looks in a chain: the middle one stands under thirty, its neighbours under twenty."""
    rows = [(look * 10 + n, f"{look} {n}", f"title {look} {n}") for look in range(3) for n in range(10)]
    frame = assets(*rows).with_columns(pdq=pl.col("asset_id").str.slice(0, 1).cast(pl.Binary))
    by = listed(frame, "pdq").by
    left, kept, worn = without_worn(related((0, 10, 0.9), (10, 20, 0.9)), by, 20)
    assert worn == 10
    assert left.is_empty()
    assert sorted(kept["row"].to_list()) == [*range(10), *range(20, 30)]
