"""Columns that are read after an index was checked are compared with what was checked."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from m5tools.errors import UsageError
from m5tools.loader.catalog import Catalog
from m5tools.loader.checked_index import CheckedIndex
from m5tools.vocabulary import MODALITIES

PLACES = ("members.list.element.offset", "members.list.element.length")


@pytest.fixture
def index(folder: Path) -> Path:
    return folder / "index" / "train-000001.parquet"


@pytest.fixture
def checked(index: Path) -> CheckedIndex:
    return CheckedIndex.of(pq.read_metadata(index), index.read_bytes())


def flip(index: Path, column: str) -> None:
    """Change one bit of a column's bytes."""
    data = bytearray(index.read_bytes())
    chunk = CheckedIndex.of(pq.read_metadata(index), bytes(data)).chunks[column][0]
    data[(chunk.start + chunk.end) // 2] ^= 1
    index.write_bytes(data)


@pytest.mark.parametrize("columns", [("band",), ("category", "state"), PLACES, ("members",), ()])
def test_columns_are_those_of_the_file(index: Path, checked: CheckedIndex, columns: tuple[str, ...]) -> None:
    data = checked.again(index, columns)
    assert data is not None
    again = pq.ParquetFile(data, metadata=checked.footer).read(list(columns))
    assert again.equals(pq.ParquetFile(index).read(list(columns)))


def test_several_row_groups(index: Path, tmp_path: Path) -> None:
    several = tmp_path / "several.parquet"
    pq.write_table(pq.read_table(index), several, row_group_size=2)
    checked = CheckedIndex.of(pq.read_metadata(several), several.read_bytes())
    assert len(checked.chunks["band"]) == 4
    data = checked.again(several, ["band", "tags"])
    assert data is not None
    read = pq.ParquetFile(data, metadata=checked.footer).read(["band", "tags"])
    assert read.equals(pq.read_table(index, columns=["band", "tags"]))


def test_what_changed_since_is_not_taken(index: Path, checked: CheckedIndex) -> None:
    flip(index, PLACES[0])
    assert checked.again(index, PLACES) is None
    assert checked.again(index, ["members"]) is None
    assert checked.again(index, ["band"]) is not None, "nothing of this column has changed"


def test_a_read_that_gives_less_than_was_asked_for_is_gone_on_with(
    index: Path, checked: CheckedIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.preadv
    monkeypatch.setattr(os, "preadv", lambda file, parts, at: whole(file, [parts[0][:7]], at))  # as above 2 GiB
    data = checked.again(index, ["band"])
    assert data is not None
    assert pq.ParquetFile(data, metadata=checked.footer).read(["band"]).equals(pq.read_table(index, columns=["band"]))


def test_a_file_that_ends_before_is_not_taken(index: Path, checked: CheckedIndex) -> None:
    index.write_bytes(index.read_bytes()[: checked.chunks["band"][0].start + 1])
    assert checked.again(index, ["band"]) is None


@pytest.mark.parametrize("column", ["band", PLACES[1]])
def test_a_catalogue_refuses_an_index_that_changed_after_opening(folder: Path, index: Path, column: str) -> None:
    catalog = Catalog.open(folder, "train")
    flip(index, column)

    def filtered() -> object:
        return catalog.where(pl.col("band") == "tail")

    def viewed() -> object:
        return catalog.view(MODALITIES)

    spoiled, whole = (filtered, viewed) if column == "band" else (viewed, filtered)
    with pytest.raises(UsageError, match=r"train-000001\.parquet is not the index"):
        spoiled()
    whole()


def test_an_index_is_read_whole_only_once(folder: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    catalog = Catalog.open(folder, "train")
    monkeypatch.setattr(Path, "read_bytes", lambda path: pytest.fail(f"{path} is read again"))
    toys = catalog.where(pl.col("category") == "Toys").where(pl.col("start") >= 0)
    assert len(toys.members.first) == len(toys) + 1
