"""Clusters some components at a time are the clusters of all at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.dedup import blocks
from m5tools.dedup.append import attach, unfollowed
from m5tools.dedup.blocks import attach_to_old, cut_in_blocks, resolved_blocks
from m5tools.dedup.clusters import resolve, strength_of
from tests.dedup.test_clusters import _EDGE, _products

_COUNT = 60
_RELATIONS = np.array(["same_offer", "same_product", "variant"])


def _drawn(seed: int) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Edges, products and pairs that are apart: small components, some with two GTINs, some with a pair apart."""
    rng = np.random.default_rng(seed)
    ends = np.sort(rng.integers(0, _COUNT, (60, 2)), axis=1)
    ends = np.unique(ends[(ends[:, 1] - ends[:, 0] > 0) & (ends[:, 1] - ends[:, 0] < 9)], axis=0)
    edges = pl.DataFrame(
        {
            "row_a": ends[:, 0],
            "row_b": ends[:, 1],
            "relation": rng.choice(_RELATIONS, len(ends)),
            "score": rng.random(len(ends)),
        },
        schema=_EDGE,
    )
    gtins = [rng.choice([None, None, "1", "2"]) for _ in range(_COUNT)]
    apart = np.sort(rng.integers(0, _COUNT, (200, 2)), axis=1)
    kinds = pl.DataFrame(
        {"row_a": apart[:, 0], "row_b": apart[:, 1], "relation": rng.choice(_RELATIONS[1:], len(apart))},
        schema={"row_a": pl.UInt32, "row_b": pl.UInt32, "relation": pl.String},
    ).filter(pl.col("row_a") != pl.col("row_b"))
    return strength_of(edges), _products(gtins), kinds


def _asked(products: pl.DataFrame, rows: pl.Series) -> pl.DataFrame:
    return products.filter(pl.col("row").is_in(rows.implode()))


def _cut(rows: pl.DataFrame, places: tuple[int, int]) -> list[pl.DataFrame]:
    first, second = sorted(places)
    return [rows[:first], rows[first:second], rows[second:]]


def _resolved(
    strength: pl.DataFrame, products: pl.DataFrame, apart: pl.DataFrame, cut: tuple[int, int], at_once: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    parts = (_cut(rows, cut) for rows in (strength, products, apart))
    with TemporaryDirectory() as folder:
        cut_in_blocks(*parts, _COUNT, Path(folder), at_once)
        found = [block for nth in range(3) for block in resolved_blocks(Path(folder), nth, 3)]
    numbers, *rows = zip(*found, strict=True)
    assert sorted(numbers) == list(range(1 + strength.height // at_once))
    clusters, bridges = (pl.concat(each) for each in rows)
    return clusters.sort("relation", "row"), bridges.sort("row", "other")


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    at_once=st.sampled_from([1, 5, 1000]),
    cut=st.tuples(st.integers(0, 70), st.integers(0, 70)),
)
def test_blocks_change_nothing(seed: int, at_once: int, cut: tuple[int, int]) -> None:
    strength, products, apart = _drawn(seed)
    products = products.with_columns(is_new=True)
    clusters, bridges = _resolved(strength, products, apart, cut, at_once)
    whole = resolve(strength, products, apart)
    assert clusters.equals(whole)
    assert bridges.equals(unfollowed(strength, whole, products))


class _Parts:
    """Counts how often parts were gone through."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self.rows = rows
        self.passes = 0

    def __iter__(self) -> Iterator[pl.DataFrame]:
        self.passes += 1
        return self.rows.iter_slices(2)


@pytest.mark.parametrize("at_once", [2, 5])
def test_no_block_holds_all_and_parts_are_read_as_often_however_many_blocks(
    at_once: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    strength, products, apart = _drawn(3)
    given = [_Parts(rows) for rows in (strength, products.with_columns(is_new=True), apart)]
    heights: list[tuple[int, int]] = []

    def counted(edges: pl.DataFrame, mine: pl.DataFrame, differ: pl.DataFrame) -> pl.DataFrame:
        heights.append((edges.height, mine.height))
        return resolve(edges, mine, differ)

    monkeypatch.setattr(blocks, "resolve", counted)
    cut_in_blocks(*given, _COUNT, tmp_path, at_once)
    found = list(resolved_blocks(tmp_path))
    assert [parts.passes for parts in given] == [2, 1, 1]
    edges, mine = zip(*heights, strict=True)
    assert len(found) == len(edges) == 1 + strength.height // at_once
    assert sum(edges) == strength.height
    assert sum(mine) == len({*strength["row_a"], *strength["row_b"]}), "nobody without an edge"
    assert max(edges) < strength.height


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), old=st.integers(0, _COUNT))
def test_what_edges_do_not_reach_changes_nothing(seed: int, old: int) -> None:
    strength, products, apart = _drawn(seed)
    products = products.with_columns(is_new=pl.col("row") >= old)
    mine = pl.col("row_b") < old
    before = resolve(strength.filter(mine), products.filter(~pl.col("is_new"))).drop("is_survivor")
    late, differ = strength.filter(~mine), apart.filter(~mine)
    found = attach_to_old(late, lambda rows: _asked(products, rows), [differ], before, _COUNT)
    assert [rows.rows() for rows in found] == [rows.rows() for rows in attach(late, products, before, differ)]


@pytest.mark.parametrize("at_once", [1, 1000])
def test_no_edges(at_once: int) -> None:
    strength, products, apart = _drawn(1)
    found = _resolved(strength.clear(), products.with_columns(is_new=True), apart, (0, 5), at_once)
    assert [rows.height for rows in found] == [0, 0]
