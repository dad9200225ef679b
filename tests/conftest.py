"""Fixtures that every test folder shares."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, settings

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.manifest import FORMAT, StageEntry
from m5tools.partitions import partition_of

# A shared machine is sometimes slow; no law is broken by that.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

# A library that is loaded while one test catches standard error keeps logging to what was closed after it.
logging.raiseExceptions = False

REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture
def real_data() -> Path:
    """The folder of public data sets; the test is skipped, saying so, where it is absent."""
    folder = Path(os.environ.get("M5_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (set M5_REAL_DATA)")
    return folder


@pytest.fixture
def make_dataset(tmp_path: Path) -> Callable[..., Dataset]:
    """Build a dataset from rows, as the stages that own the tables would have left it."""

    def build(tables: dict[str, list[dict[str, Any]]], partitions: int = 2, name: str = "dataset") -> Dataset:
        dataset = Dataset(tmp_path / name)
        stages: dict[str, StageEntry] = {}
        for table, rows in tables.items():
            law = schema.law(table)
            arrays = [pa.array([row.get(c.name) for row in rows], c.type) for c in law.columns]
            data = pa.Table.from_arrays(arrays, names=list(law.names))
            folder = "c1/" if "crawl_id" in law.key else ""
            id_column = next((c for c in ("product_id", "product_a") if c in law.names), None)
            if id_column is None:
                dataset.write(table, "part-00000", data)
            else:
                frame = pl.from_arrow(data)
                assert isinstance(frame, pl.DataFrame)
                home = frame.select(partition_of(pl.col(id_column), partitions)).to_series()
                for i in range(partitions):
                    dataset.write(table, f"{folder}part-{i:05d}", data.filter((home == i).to_arrow()))
            entry = "ingest/c1" if law.stage == "ingest" else law.stage
            entry += "/default" if "{" in law.path else ""
            fingerprint = stages[entry]["fingerprint"] + f"+{table}" if entry in stages else table
            stages[entry] = StageEntry(
                stage=law.stage, version=1, config={}, run="0" * 16, inputs={}, fingerprint=fingerprint, counts={},
                writes=[table],
            )  # fmt: skip
        crawls = [{"source": "shop", "crawl_id": "c1", "media_root": None}]
        with dataset.changing() as manifest:
            manifest |= {"format": FORMAT, "partitions": partitions, "crawls": crawls, "stages": stages}  # type: ignore[typeddict-item]
        return dataset

    return build
