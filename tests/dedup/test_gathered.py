"""Rows of gathered parts, by their numbers over the whole dataset."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from m5tools.dedup.gathered import Gathered


def test_rows_are_taken_from_the_parts_that_hold_them(tmp_path: Path) -> None:
    gathered = Gathered(tmp_path, 3)
    for partition, count in enumerate((4, 0, 3)):
        rows = pl.DataFrame({"row": range(count)}, schema={"row": pl.UInt32})
        gathered.write("sought", partition, rows)
        told = rows.with_columns(said=pl.format("{} of {}", "row", pl.lit(partition)), words=pl.concat_list("row"))
        gathered.keep("looks", partition, pl.concat([told, told.tail(1)]).filter(pl.col("row") != 1).sort("row"))
    wanted = pl.Series("row", [0, 1, 3, 4, 6], dtype=pl.UInt32)
    expected = [(0, "0 of 0"), *[(3, "3 of 0")] * 2, (4, "0 of 2"), *[(6, "2 of 2")] * 2]
    for _ in range(2):
        found = gathered.take("looks", wanted)
        assert found.select("row", "said").rows() == expected
        assert found["words"].to_list() == [[0], [3], [3], [0], [2], [2]]
        gathered.number()


def test_a_bucket_is_taken_of_all_parts_in_their_order(tmp_path: Path) -> None:
    gathered = Gathered(tmp_path, 3)
    for part, keys in enumerate(([5, 1, 5, 9], [], [1, 5])):
        rows = pl.DataFrame({"key": keys, "row": range(len(keys))}, schema={"key": pl.UInt64, "row": pl.UInt32})
        rows = rows.with_columns(part=pl.lit(part, pl.UInt16), once=pl.col("key") == 5)
        gathered.cut("keyed", part, rows, (rows["key"] // 4).cast(pl.UInt16), 4)
    assert len(list((tmp_path / "keyed").iterdir())) == 3
    found = [gathered.bucket("keyed", bucket) for bucket in range(4)]
    assert [bucket.rows() for bucket in found] == [
        [(1, 1, 0, False), (1, 0, 2, False)],
        [(5, 0, 0, True), (5, 2, 0, True), (5, 1, 2, True)],
        [(9, 3, 0, False)],
        [],
    ]
    assert {tuple(bucket.schema.dtypes()) for bucket in found} == {(pl.UInt64, pl.UInt32, pl.UInt16, pl.Boolean)}


def test_a_range_of_sorted_rows_is_taken(tmp_path: Path) -> None:
    gathered = Gathered(tmp_path, 1)
    for part, rows in {"one": [1, 3, 3, 8], "other": [], "third": [9]}.items():
        gathered.keep("pairs", part, pl.DataFrame({"a": rows}, schema={"a": pl.UInt32}))
    assert gathered.names("pairs") == ["one", "other", "third"]
    found = gathered.between("pairs", "a", 3, 9, gathered.names("pairs"))
    assert [part["a"].to_list() for part in found] == [[3, 3, 8], [], []]
