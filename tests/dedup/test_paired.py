"""Which products stand in some pair, of either side, and that pairs are passed over once."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from m5tools.dedup.gathered import Gathered
from m5tools.dedup.paired import PAIRS, paired
from m5tools.joins.bands import PAIR

SIZES = (4, 0, 3, 2)
FOUND = {"identifiers": [(0, 3), (2, 5)], "pictures": [], "nearest-part-00000": [(0, 8), (2, 5)]}


@pytest.fixture
def gathered(tmp_path: Path) -> Gathered:
    gathered = Gathered(tmp_path, len(SIZES))
    for partition, size in enumerate(SIZES):
        gathered.write("sought", partition, pl.DataFrame({"row": range(size)}, schema={"row": pl.UInt32}))
    gathered.number()
    for name, pairs in FOUND.items():
        gathered.keep(PAIRS, name, pl.DataFrame(pairs, schema=PAIR, orient="row"))
    return gathered


def test_rows_of_either_side_are_found_by_partition(gathered: Gathered) -> None:
    found = [paired(gathered, partition) for partition in range(len(SIZES))]
    assert [rows.to_list() for rows in found] == [[0, 2, 3], [], [1], [1]]
    assert {rows.dtype for rows in found} == {pl.UInt32}


def test_pairs_are_passed_over_once_for_all_partitions(gathered: Gathered, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[int | str] = []
    mapped = Gathered.mapped

    def noting(self: Gathered, kind: str, part: int | str) -> pa.Table:
        opened.append(part)
        return mapped(self, kind, part)

    monkeypatch.setattr(Gathered, "mapped", noting)
    for partition in range(len(SIZES)):
        paired(gathered, partition)
    assert opened == sorted(FOUND)


def test_pairs_that_were_found_anew_are_marked_anew(gathered: Gathered, tmp_path: Path) -> None:
    assert paired(gathered, 3).to_list() == [1]
    gathered.keep(PAIRS, "sounds", pl.DataFrame([(1, 7)], schema=PAIR, orient="row"))
    # The clock of a file system ticks in milliseconds; between two runs more than one passes.
    later = (tmp_path / PAIRS).stat().st_mtime_ns + 10**9
    os.utime(tmp_path / PAIRS, ns=(later, later))
    assert paired(gathered, 3).to_list() == [0, 1]
