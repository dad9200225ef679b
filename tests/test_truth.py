"""Scores against the simulator's truth: they must fall when something was found in the wrong place."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from m5tools import truth
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.synth import SynthConfig, synthesize


@pytest.fixture(scope="module")
def crawl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crawl")
    synthesize(folder, SynthConfig(products=400, seed=2, media=False))
    return folder


@pytest.fixture
def dataset(crawl: Path, tmp_path: Path) -> Dataset:
    dataset = Dataset(tmp_path / "dataset")
    files = (f"{crawl}/crawl/*.jsonl",)
    run_stage(dataset, Ingest(IngestConfig(source="shop", mapping="synth", files=files)))
    return dataset


def scores(dataset: Dataset, crawl: Path) -> dict[str, tuple[int, int, int]]:
    planted = pl.read_parquet(crawl / "truth.parquet")
    found = truth._rejects(dataset, planted, crawl / "crawl")
    return {s.name: (s.planted, s.found, s.right) for s in found}


def test_the_right_rows_are_rejected(dataset: Dataset, crawl: Path) -> None:
    found = scores(dataset, crawl)
    assert {"no_content", "not_an_object", "not_parseable", "repeated_id"} <= found.keys()
    assert all(planted == found == right > 0 for planted, found, right in found.values())


def test_as_many_rejects_of_other_rows_are_wrong(dataset: Dataset, crawl: Path) -> None:
    for part in dataset.parts("rejects"):
        rows = pl.read_parquet(part)
        neighbour = pl.col("offset") + pl.col("raw").bin.size().cast(pl.Int64) + 1
        rows.with_columns(
            offset=pl.when(pl.col("reason") == "not_parseable").then(neighbour).otherwise("offset")
        ).write_parquet(part)
    planted, found, right = scores(dataset, crawl)["not_parseable"]
    assert planted == found > right


def test_products_with_an_offer_in_training_are_not_asked_for(dataset: Dataset, crawl: Path) -> None:
    products = dataset.read("products", columns=("product_id", "native_id"))
    planted = pl.read_parquet(crawl / "truth.parquet").filter(pl.col("outcome") == "product")
    instances = dict(planted.join(products, on="native_id").select("product_id", "instance").iter_rows())
    trained = sorted(instances)[::2]
    split = pl.when(pl.col("product_id").is_in(trained)).then(pl.lit("train")).otherwise(pl.lit("test"))
    dataset.write("splits", "part-00000", products.select("product_id", split=split, bridge=pl.lit(False)))
    found = truth.other_sellers(dataset, crawl / "truth.parquet")
    seen = {instances[i] for i in trained}
    assert found
    assert set(found.values()) == set(instances.values()) - seen
