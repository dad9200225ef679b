"""Edges of partitions, resolved in blocks by several units, come back into partitions as if all had been resolved at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import blocks, resolved
from m5tools.dedup.append import unfollowed
from m5tools.dedup.clusters import resolve
from m5tools.dedup.left import PRODUCTS, Left
from m5tools.dedup.stage import decisions_of
from m5tools.generations import Generations
from m5tools.partitions import partition_of

from .shop import POLICY, product_id

_COUNT, _PARTITIONS = 60, 3
_RELATIONS = ("same_offer", "same_product", "variant")
_NOT_ASKED = cast(Generations, None)
"""Only where a run goes on from clusters."""


def _edges() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Short chains, and pairs that are apart, some of one chain."""
    rng = np.random.default_rng(4)
    first = np.flatnonzero(rng.random(_COUNT - 2) < 0.6)
    rows = {"row_a": pl.UInt32, "row_b": pl.UInt32, "relation": pl.String}
    edges = pl.DataFrame(
        {"row_a": first, "row_b": first + 1, "relation": rng.choice(_RELATIONS, len(first))}, schema=rows
    ).with_columns(score=pl.Series(rng.integers(1, 2**20, len(first))))
    differ = {"row_a": first[::2], "row_b": first[::2] + 2, "relation": ["same_product"] * len(first[::2])}
    return edges, pl.DataFrame(differ, schema=rows)


@pytest.fixture
def left(make_dataset: Callable[..., Dataset], tmp_path: Path) -> Left:
    counts = dict.fromkeys(("modalities", "table_pairs", "files", "description_chars", "origin_offset"), 0)
    said = {"crawl_id": "c1", "source": "shop", "content_hash": "0", "origin_file": "f", "category": []}
    ids = sorted(product_id(f"{i}") for i in range(_COUNT))
    rows: list[dict[str, Any]] = [{"product_id": i, **said, **counts} for i in ids]
    dataset = make_dataset({"products": rows, "compared": rows}, _PARTITIONS)
    found = Left(tmp_path / "left", _PARTITIONS)
    found.begin(dataset, decisions_of(dataset, POLICY), None, POLICY.join.cap)
    for kind, pairs in zip(("edges", "apart"), _edges(), strict=True):
        for i, part in enumerate(found.by_partition(pairs.with_columns(row="row_a"))):
            found.keep(kind, i, part.drop("row"))
    return found


@pytest.mark.parametrize("at_once", [3, 1000])
@pytest.mark.parametrize("units", [1, 4])
def test_units_and_blocks_change_nothing(left: Left, monkeypatch: pytest.MonkeyPatch, at_once: int, units: int) -> None:
    monkeypatch.setattr(blocks.cut_in_blocks, "__defaults__", (at_once,))
    resolved.connect(left, left.parts("edges"), left.parts("apart"), _NOT_ASKED)
    for nth in range(units):
        resolved.resolve(left, nth, units)
    for file in [f for kind in ("clusters", "bridges", "resolved") for f in (left.scratch / kind).glob("00000.*")]:
        shutil.copy(file, file.with_stem("00999"))  # what a run that was killed and cut otherwise may have left
    products, (edges, apart) = pl.concat(left.parts(PRODUCTS)), _edges()
    clusters = resolve(edges, products, apart)
    bridges = unfollowed(edges, clusters, products)
    assert bridges.height > 0
    for table, rows in (("clusters", clusters), ("bridges", bridges)):
        found = list(resolved.parts(left, table))
        for i, (part, mine) in enumerate(zip(found, left.by_partition(rows), strict=True)):
            names = {"cluster": "cluster_id", "row": "product_id"} if table == "clusters" else None
            assert part.equals(left.named(mine, **(names or {"row": "product_id", "other": "other_id"})))
            homes = part.select(partition_of(pl.col("product_id"), _PARTITIONS)).to_series()
            assert (homes == i).all()
    told = {f"{name}_clusters": clusters.filter(relation=name)["cluster"].n_unique() for name in _RELATIONS}
    assert resolved.counted(left) == {**told, "bridges": bridges.height}


def test_a_block_that_is_gone_is_missed(left: Left, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocks.cut_in_blocks, "__defaults__", (3,))
    resolved.connect(left, left.parts("edges"), left.parts("apart"), _NOT_ASKED)
    resolved.resolve(left, 0, 1)
    for kind in ("clusters", "resolved"):
        max((left.scratch / kind).iterdir()).unlink()
    with pytest.raises(FileNotFoundError):
        list(resolved.parts(left, "clusters"))
    with pytest.raises(FileNotFoundError):
        resolved.counted(left)
