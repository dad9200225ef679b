"""The rows of a shard, found among those of partitions."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from m5tools.dataset import Dataset
from m5tools.shards import collate, gather
from m5tools.stage import Work

Make = Callable[..., Dataset]
A_SHARD = 6


def scattered(dataset: Dataset, scratch: Path, shards: int) -> Work:
    """Rows of shards of six, in partitions as chance has it; one partition has none."""
    rows = pl.DataFrame({"row": range(A_SHARD * shards - 2)}).with_columns(
        number=(pl.col("row") // A_SHARD).cast(pl.Int32),
        place=(pl.col("row") % A_SHARD).cast(pl.Int32),
        files=pl.concat_list(pl.struct(uri=pl.col("row").cast(pl.String))),
    )
    home = np.random.default_rng(0).integers(1, dataset.partitions, rows.height)
    for partition in range(dataset.partitions):
        gather.save(collate.gathered(scratch, partition), rows.filter(home == partition))
    return Work(dataset, scratch)


def collated(work: Work, shards: int) -> list[pa.Table]:
    for unit in collate.run_units(shards):
        collate.bring_together(unit, work)
    return [collate.load(unit, work) for unit in collate.shard_units([f"{i}.tar" for i in range(shards)])]


@pytest.mark.parametrize("stretches", [1, 2, 16])
@pytest.mark.parametrize("runs", [1, 3, 8, 9])
def test_every_shard_has_its_rows_in_their_order(
    make_dataset: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs: int, stretches: int
) -> None:
    work = scattered(make_dataset({}, partitions=5), tmp_path / "scratch", shards=9)
    monkeypatch.setattr(collate, "RUNS", runs)
    monkeypatch.setattr(collate, "STRETCHES", stretches)
    assert len(collate.run_units(9)) == (runs if runs < 9 else 0)
    found = collated(work, 9)
    assert [len(rows) for rows in found] == [A_SHARD] * 8 + [A_SHARD - 2]
    together = pa.concat_tables(found)
    assert together["row"].to_pylist() == list(range(A_SHARD * 9 - 2))
    assert [files[0]["uri"] for files in together["files"].to_pylist()] == [str(i) for i in range(A_SHARD * 9 - 2)]


def test_twice_the_products_take_twice_the_openings(
    make_dataset: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collate, "RUNS", 4)
    monkeypatch.setattr(collate, "STRETCHES", 2)
    mapped, opened = collate._mapped, 0

    def counted(file: Path) -> pa.Table:
        nonlocal opened
        opened += 1
        return mapped(file)

    monkeypatch.setattr(collate, "_mapped", counted)
    seen = []
    for several in (8, 16, 32):
        work = scattered(make_dataset({}, partitions=several, name=str(several)), tmp_path / f"of-{several}", several)
        opened = 0
        assert sum(len(rows) for rows in collated(work, several)) == A_SHARD * several - 2
        seen.append(opened)
    assert all(large <= 2 * small for small, large in pairwise(seen))
