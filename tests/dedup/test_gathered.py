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


def test_a_range_of_sorted_rows_is_taken(tmp_path: Path) -> None:
    gathered = Gathered(tmp_path, 1)
    for part, rows in {"one": [1, 3, 3, 8], "other": [], "third": [9]}.items():
        gathered.keep("pairs", part, pl.DataFrame({"a": rows}, schema={"a": pl.UInt32}))
    assert gathered.names("pairs") == ["one", "other", "third"]
    found = gathered.between("pairs", "a", 3, 9, gathered.names("pairs"))
    assert [part["a"].to_list() for part in found] == [[3, 3, 8], [], []]
