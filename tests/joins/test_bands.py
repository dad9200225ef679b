"""Joining by key: windows, hubs, nulls."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.joins.bands import follow, neighbours, ordered, union


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


_KEYS = st.integers(0, 3).map(lambda key: key << 40 | 7)


@given(
    rows=st.lists(st.tuples(_KEYS, _KEYS), max_size=30),
    window=st.integers(1, 4),
    cap=st.one_of(st.none(), st.integers(2, 9)),
)
def test_in_a_bucket_those_stand_together_that_share_the_key_beside(
    rows: list[tuple[int, int]], window: int, cap: int | None
) -> None:
    keys, beside = (
        (np.array(column, np.uint64) for column in zip(*rows, strict=True)) if rows else (np.empty(0, np.uint64),) * 2
    )
    found = follow(keys, np.arange(len(rows), dtype=np.uint32), window, cap, beside)
    sorted_before = sorted(range(len(rows)), key=lambda i: (beside[i], i))
    keyed = pl.DataFrame({"key": keys[sorted_before], "row": pl.Series(sorted_before, dtype=pl.UInt32)})
    wanted = neighbours(keyed, window, cap)
    words = np.sort(np.concatenate([np.empty(0, np.uint64), *found.pairs]))
    assert [(int(word) >> 32, int(word) & 0xFFFFFFFF) for word in words] == wanted.pairs.rows()
    assert (found.hubs, found.hub_rows) == (wanted.hubs, wanted.hub_rows)


@pytest.mark.parametrize("high", [3, 2**31, 2**63])
def test_rows_of_columns_come_in_order_whether_or_not_they_fit_a_word(high: int) -> None:
    rng = np.random.default_rng(4)
    columns = [
        rng.integers(0, high, 200, np.uint64), rng.integers(5, 9, 200).astype(np.uint8),
        rng.integers(0, min(high, 2**31), 200).astype(np.uint32), np.arange(200),
    ]  # fmt: skip
    found = ordered(*columns)
    assert [column.dtype for column in found] == [column.dtype for column in columns]
    assert list(zip(*found, strict=True)) == sorted(zip(*columns, strict=True))
    assert [len(column) for column in ordered(*(column[:0] for column in columns))] == [0] * 4


def test_union_orders_and_drops_self() -> None:
    frame = pl.DataFrame({"a": [3, 1, 2], "b": [1, 3, 2]}, schema={"a": pl.UInt32, "b": pl.UInt32})
    assert union([frame]).rows() == [(1, 3)]


@given(
    keys=st.lists(st.one_of(st.none(), st.integers(0, 6)), max_size=40),
    window=st.integers(1, 4),
    cap=st.one_of(st.none(), st.integers(2, 9)),
    asked=st.sets(st.integers(0, 39)),
)
def test_asking_about_some_rows_gives_the_pairs_that_hold_one(
    keys: list[int | None], window: int, cap: int | None, asked: set[int]
) -> None:
    every = neighbours(_keyed(keys), window, cap).pairs
    found = neighbours(_keyed(keys), window, cap, pl.Series("row", sorted(asked), dtype=pl.UInt32)).pairs
    assert found.rows() == [pair for pair in every.rows() if asked.intersection(pair)]


def test_columns_with_a_sign_come_in_order_however_far_apart_their_numbers_are() -> None:
    columns = [np.array([100, -100, 3, 100], np.int8), np.array([-(2**33), 2**33, 0, -(2**34)])]
    found = ordered(*columns)
    assert list(zip(*found, strict=True)) == sorted(zip(*columns, strict=True))
