"""Rows of gathered parts, by their numbers over the whole dataset."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from m5tools.dedup.products import Gathered


def test_rows_are_taken_from_the_parts_that_hold_them(tmp_path: Path) -> None:
    gathered = Gathered(tmp_path, 3)
    for partition, count in enumerate((4, 0, 3)):
        rows = pl.DataFrame({"row": range(count)}, schema={"row": pl.UInt32})
        gathered.write("sought", partition, rows)
        told = rows.with_columns(said=pl.format("{} of {}", "row", pl.lit(partition)), words=pl.concat_list("row"))
        gathered.keep("sides", partition, told.filter(pl.col("row") != 1))
    found = gathered.take("sides", pl.Series("row", [0, 1, 3, 4, 6], dtype=pl.UInt32))
    assert found.select("row", "said").rows() == [(0, "0 of 0"), (3, "3 of 0"), (4, "0 of 2"), (6, "2 of 2")]
    assert found["words"].to_list() == [[0], [3], [0], [2]]
