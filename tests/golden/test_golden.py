"""Datasets and shards as each release wrote them: read today as they were read then."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from m5tools import __version__
from m5tools.cli.look import check, status
from m5tools.dataset import open_dataset
from m5tools.manifest import FORMAT as DATASET_FORMAT
from m5tools.schema import laws
from m5tools.shards.manifest import FORMAT as SHARD_FORMAT

from .make import HERE, samples_of, tables_of

RELEASES = sorted(file.stem for file in HERE.glob("*.json"))


def told(release: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads((HERE / f"{release}.json").read_text(encoding="utf-8"))
    return body


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def dataset(release: str, tmp_path: Path) -> Path:
    """The dataset that a release wrote."""
    with tarfile.open(HERE / f"{release}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "dataset"


def test_every_file_holds_what_was_written(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder in (dataset, dataset / "shards" / "default"):
        check(folder)
        assert " 0 faults" in capsys.readouterr().out


def test_every_table_gives_its_values(dataset: Path, release: str) -> None:
    assert tables_of(open_dataset(dataset)) == told(release)["tables"]


def test_every_sample_is_what_it_was(dataset: Path, release: str) -> None:
    assert samples_of(dataset / "shards" / "default") == told(release)["samples"]


def test_its_stages_are_told(dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status(dataset)
    assert "ingest/shop-1" in capsys.readouterr().out


def test_the_formats_that_are_written_now_are_among_them() -> None:
    """Who raises a format makes a golden dataset of it: `python -m tests.golden.make`."""
    known = [told(release) for release in RELEASES]
    assert DATASET_FORMAT in {one["dataset format"] for one in known}
    assert SHARD_FORMAT in {one["shard format"] for one in known}


def test_the_tables_that_are_written_now_are_among_them() -> None:
    """Who adds a column raises the version, once this one is released, and makes a golden dataset of it."""
    tables = told(__version__)["tables"]
    assert set(tables) > {"products", "comparisons", "tags", "shard_index"}
    assert {name: table["columns"] for name, table in tables.items()} == {
        name: law.schema.names for name, law in laws().items() if name in tables
    }
