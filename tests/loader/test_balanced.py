"""An overlay of sampling weights, end to end: what the command says is expected is what the loader draws."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.balancing import Rule
from m5tools.cli.balance import Balance, balance_of, told
from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.loader.loader import Loader
from m5tools.loader.weights import LongTail
from m5tools.shards.check import check
from m5tools.shards.config import OverlayConfig, ShardConfig
from m5tools.shards.manifest import ShardManifest
from m5tools.shards.overlay import Overlay
from m5tools.shards.overlays import merged
from m5tools.shards.stage import Shard
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

from ..shards.shop import Shop, product_id

SIZES = {"Lamps": 200, "Kettles": 120, "Toys": 50, "Blocks": 20, "Kites": 6, "Yoyos": 1}
BANDS = {"Lamps": "head", "Kettles": "middle", "Toys": "middle", "Blocks": "tail", "Kites": "tail", "Yoyos": "tail"}
WITHOUT = 23
EPOCHS = 60
SIGMAS = 5
"""Of some two hundred sums drawn, one leaves five standard deviations in ten thousand runs."""


@pytest.fixture(scope="session")
def categories() -> list[str | None]:
    return [name for name, n in SIZES.items() for _ in range(n)] + [None] * WITHOUT


@pytest.fixture
def dataset(make_dataset: Callable[..., Dataset], tmp_path: Path, categories: list[str | None]) -> Dataset:
    """Shards of titles alone, with a long tail in train; every ninth product is in test."""
    tables = Shop(tmp_path / "media", 0).tables
    for i, category in enumerate(categories):
        text = [m is Modality.TEXT for m in MODALITIES]
        row = {"product_id": product_id(i), "crawl_id": "c1", "source": "shop", "content_hash": product_id(i)}
        tables["products"].append({**row, "origin_file": "a", "origin_offset": i, "title": f"product {i}"})
        tables["cut_products"].append(
            {
                "product_id": product_id(i), "split": "test" if i % 9 == 4 else "train", "category": category,
                "band": BANDS[category] if category else None, "present": 1 << Modality.TEXT.bit,
                "state": [State.PRESENT if has else State.ABSENT for has in text],
                "reason": [Reason.NONE if has else Reason.NOT_LISTED for has in text], "withheld_by": [""] * 5,
            }
        )  # fmt: skip
    dataset = make_dataset(tables)
    run_stage(dataset, Shard(ShardConfig(samples_per_shard=90)))
    return dataset


def index_of(dataset: Dataset, overlay: str, split: str = "train") -> pl.DataFrame:
    folder = dataset.root / "shards" / "default"
    rows = pl.from_arrow(merged(folder, ShardManifest.read(folder), split, [overlay]))
    assert isinstance(rows, pl.DataFrame)
    return rows


def assert_drawn(index: pl.DataFrame, column: str, loader: Loader, expected: Balance) -> None:
    """Every category and band comes as often over many epochs as its factors say, within the noise of the coins."""
    drawn = np.zeros(index.height)
    for epoch in range(EPOCHS):
        drawn += np.bincount(loader.plan.epoch(epoch).rows, minlength=index.height)
    part = index[column].to_numpy() % 1
    rows = index.select("category", "band").with_columns(
        drawn=pl.Series(drawn), mean=EPOCHS * pl.Series(index[column]), noise=EPOCHS * pl.Series(part * (1 - part))
    )
    for by in ("category", "band"):
        for name, got, mean, noise in rows.group_by(by).agg(pl.col("drawn", "mean", "noise").sum()).iter_rows():
            assert abs(got - mean) <= SIGMAS * np.sqrt(noise) + 1e-6, (by, name)
    total = rows["drawn"].sum()
    for band, (samples, _, after) in expected.bands.items():
        mine = rows.filter(pl.col("band") == band)["drawn"].sum() if band in BANDS.values() else None
        if samples and mine is not None:
            assert mine / total == pytest.approx(after, abs=SIGMAS * np.sqrt(rows["noise"].sum()) / total)


@pytest.mark.parametrize("rule", ["square_root", "class_balanced", "effective_number", "class_cap"])
def test_the_loader_draws_what_is_told(dataset: Dataset, rule: Rule) -> None:
    counts = run_stage(dataset, Overlay(OverlayConfig(name="balanced", weights=rule, beta=0.95, class_most=40, cap=8)))
    assert counts.counts["shards"] == 6
    index = index_of(dataset, "balanced")
    expected = balance_of(index, rule)
    folder = dataset.root / "shards" / "default"
    assert not check(folder).faults
    loader = Loader(folder, global_batch_size=10, weights=rule, modalities=[Modality.TEXT])
    assert_drawn(index, rule, loader, expected)
    assert index.filter(pl.col("category").is_null())[rule].unique().to_list() == [1.0]
    assert expected.bands["tail"][2] > expected.bands["tail"][1]
    assert expected.effective[1] > expected.effective[0]
    assert index[rule].max() <= (1 if rule == "class_cap" else 8)  # type: ignore[operator]
    if rule != "class_cap":
        assert expected.length == pytest.approx(index.height)
    # And the batches themselves: those of an epoch, by the category they hold.
    names = [loader.categories[c] for batch in loader for c in batch.category.tolist() if c >= 0]
    planned = index["category"].gather(loader.plan.epoch(0).order).drop_nulls().to_list()
    assert names == planned


def test_a_split_is_balanced_by_its_own_sizes(dataset: Dataset) -> None:
    run_stage(dataset, Overlay(OverlayConfig(name="balanced", weights="class_balanced", cap=1000)))
    for split in ("train", "test"):
        sums = index_of(dataset, "balanced", split).drop_nulls("category").group_by("category").agg(
            pl.col("class_balanced").sum()
        )  # fmt: skip
        assert sums["class_balanced"].to_list() == pytest.approx([sums["class_balanced"].mean()] * sums.height)


def test_the_same_bytes_from_any_number_of_workers(dataset: Dataset) -> None:
    folder = dataset.root / "shards" / "default" / "overlays" / "balanced"
    found = []
    for workers in (0, 2):
        run_stage(dataset, Overlay(OverlayConfig(name="balanced", weights="square_root")), workers=workers)
        found.append({file.name: file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()})
        (dataset.root / "shards" / "default" / "overlays" / "balanced" / "overlay.json").unlink()
    assert found[0] == found[1]


def test_the_rule_of_the_loader_and_the_overlays_share_one_formula(dataset: Dataset) -> None:
    run_stage(dataset, Overlay(OverlayConfig(name="balanced", weights="square_root", cap=1000)))
    index = index_of(dataset, "balanced").drop_nulls("category")
    # Below the threshold a repeat factor is a square-root weight of another scale.
    factors = LongTail(threshold=1.0, cap=1000).factors(index.to_arrow())
    ratio = factors / index["square_root"].to_numpy()
    assert ratio == pytest.approx(np.full(len(ratio), ratio[0]))


def test_what_is_told(dataset: Dataset) -> None:
    run_stage(dataset, Overlay(OverlayConfig(name="balanced", weights="class_cap", class_most=40)))
    index = index_of(dataset, "balanced")
    line = told(balance_of(index, "class_cap"))
    assert "head" in line
    assert f"({index.height} without weights)" in line
    assert "of 6;" in line
