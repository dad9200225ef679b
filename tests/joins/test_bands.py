"""Joining by key: windows, hubs, nulls."""

from __future__ import annotations

import polars as pl

from m5tools.joins.bands import neighbours, union


def _keyed(keys: list[int | None]) -> pl.DataFrame:
    rows = pl.Series("row", range(len(keys)), dtype=pl.UInt32)
    return pl.DataFrame({"key": pl.Series(keys, dtype=pl.Int64), "row": rows})


def test_null_equals_nothing() -> None:
    found = neighbours(_keyed([None] * 50 + [1]), 8, 10)
    assert found.pairs.is_empty()
    assert found.hubs == 0


def test_window_gives_all_pairs_of_a_small_bucket() -> None:
    assert neighbours(_keyed([5, 5, 7, 5]), 8, 10).pairs.rows() == [(0, 1), (0, 3), (1, 3)]


def test_window_of_one_chains() -> None:
    assert neighbours(_keyed([1] * 5), 1, None).pairs.rows() == [(0, 1), (1, 2), (2, 3), (3, 4)]


def test_hub_is_counted_and_not_followed() -> None:
    found = neighbours(_keyed([1] * 50 + [2, 2]), 4, 10)
    assert found.pairs.rows() == [(50, 51)]
    assert (found.hubs, found.hub_rows) == (1, 50)


def test_pairs_are_linear_in_rows() -> None:
    assert neighbours(_keyed([1] * 2000), 4, 5000).pairs.height < 4 * 2000


def test_union_orders_and_drops_self() -> None:
    frame = pl.DataFrame({"a": [3, 1, 2], "b": [1, 3, 2]}, schema={"a": pl.UInt32, "b": pl.UInt32})
    assert union([frame]).rows() == [(1, 3)]
