"""Rows kept to be looked up by their key."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from m5tools.joins import looked_up


@pytest.mark.parametrize("rows_a_file", [1 << 20, 100])
def test_the_rows_of_keys(tmp_path: Path, rows_a_file: int) -> None:
    rows = pl.DataFrame({"key": [f"k{n // 2}" for n in range(1000)], "n": range(1000)})
    looked_up.keep(tmp_path, rows.lazy(), "key", rows_a_file)
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == -(-1000 // rows_a_file)
    wanted = pl.Series("key", ["k7", "nobody", "k499", "k7", "k0"])
    found = looked_up.rows_of(tmp_path, wanted).sort("n")
    assert found.rows() == [("k0", 0), ("k0", 1), ("k7", 14), ("k7", 15), ("k499", 998), ("k499", 999)]
    assert looked_up.rows_of(tmp_path, wanted[:0]).is_empty()


def test_keys_whose_hashes_are_equal_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pl.Expr, "hash", lambda key: key.str.len_chars().cast(pl.UInt64))
    rows = pl.DataFrame({"key": ["aa", "bb", "c"], "n": [1, 2, 3]})
    looked_up.keep(tmp_path, rows.lazy(), "key")
    assert looked_up.rows_of(tmp_path, pl.Series("key", ["bb"])).rows() == [("bb", 2)]


@pytest.mark.parametrize("rows_a_file", [1 << 20, 100])
def test_keys_that_are_numbers(tmp_path: Path, rows_a_file: int) -> None:
    rows = pl.DataFrame({"key": pl.int_range(1000, eager=True).cast(pl.UInt64), "n": range(1000)})
    looked_up.keep(tmp_path, rows.lazy(), "key", rows_a_file)
    wanted = pl.Series("key", [7, 5000, 999, 7], pl.UInt64)
    assert looked_up.rows_of(tmp_path, wanted).sort("n")["n"].to_list() == [7, 999]


def test_rows_are_read_once_to_count_and_once_to_cut_them(tmp_path: Path) -> None:
    read: list[int] = []

    def seen(part: pl.DataFrame) -> pl.DataFrame:
        read.append(part.height)
        return part

    rows = pl.DataFrame({"key": [f"k{n}" for n in range(1000)], "n": range(1000)})
    looked_up.keep(tmp_path, rows.lazy().map_batches(seen), "key", 50)
    assert sum(read) <= 2 * rows.height


def test_what_was_kept_before_makes_room(tmp_path: Path) -> None:
    """Be it cut into more files than there are now."""
    rows = pl.DataFrame({"key": [f"k{n}" for n in range(1000)], "n": range(1000)})
    looked_up.keep(tmp_path, rows.lazy(), "key", 100)
    looked_up.keep(tmp_path, rows.lazy(), "key", 400)
    assert looked_up.rows_of(tmp_path, rows["key"]).sort("n").equals(rows)


def test_no_rows(tmp_path: Path) -> None:
    none = pl.LazyFrame(schema={"key": pl.String, "n": pl.Int64})
    looked_up.keep(tmp_path, none, "key")
    found = looked_up.rows_of(tmp_path, pl.Series("key", ["a"]))
    assert (found.height, found.schema) == (0, none.collect_schema())
