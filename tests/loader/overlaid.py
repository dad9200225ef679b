"""The shop when its sounds and clips came later: shards without them, overlays that bring them, tags and scores."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.partitions import part_name
from m5tools.shards.config import OverlayConfig, ShardConfig
from m5tools.shards.overlay import Overlay
from m5tools.shards.stage import Shard
from m5tools.vocabulary import Modality

from ..shards.shop import Shop, product_id
from ..shards.test_overlay import LATE, add_cut

COUNT = 32
ALL = ("clips", "loud", "scores", "sounds")
"""The overlays, by name."""
SCORE = {product_id(i): i / 4 for i in range(0, COUNT, 2)}
LOUD = {product_id(i) for i in range(0, COUNT, 3)}


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs the dataset leaves a copy for the others."""
    return tmp_path_factory.mktemp("overlaid") / "dataset"


@pytest.fixture
def dataset(kept: Path, make_dataset: Callable[..., Dataset], tmp_path: Path) -> Dataset:
    """Shards `default` with four overlays, and `whole`, which hold the same from the start."""
    if kept.exists():
        return Dataset(shutil.copytree(kept, tmp_path / "dataset"))
    dataset = make_dataset(Shop(tmp_path / "media", COUNT).tables)
    add_cut(dataset, "early", LATE)
    config = ShardConfig(samples_per_shard=7, image_long_side=48, max_images=3, max_frames=3, cut="early")
    run_stage(dataset, Shard(config))
    run_stage(dataset, Shard(config.model_copy(update={"name": "whole", "cut": "default"})))
    pl.DataFrame({"product_id": [*SCORE], "score": [*SCORE.values()]}).write_parquet(tmp_path / "scores.parquet")
    for name, modality in (("sounds", Modality.AUDIO), ("clips", Modality.VIDEO)):
        run_stage(dataset, Overlay(OverlayConfig(name=name, cut="default", modalities=(modality,))))
    run_stage(dataset, Overlay(OverlayConfig(name="scores", table=str(tmp_path / "scores.parquet"))))
    _tag(dataset)
    run_stage(dataset, Overlay(OverlayConfig(name="loud", policy="loud")))
    shutil.copytree(dataset.root, kept)
    return dataset


@pytest.fixture
def folder(dataset: Dataset) -> Path:
    """The shards with overlays."""
    return dataset.root / "shards" / "default"


def _tag(dataset: Dataset) -> None:
    """Another policy, by which every third product has a tag."""
    tags = pl.DataFrame({"product_id": sorted(LOUD)}).with_columns(
        tag=pl.lit("audio.loud"), modality=pl.lit("audio"), signal=pl.lit("x"), policy=pl.lit("loud")
    )
    for i in range(dataset.partitions):
        mine = dataset.read("tags", partition=i)["product_id"].unique()
        dataset.write("tags", part_name(i), tags.filter(pl.col("product_id").is_in(mine.implode())), policy="loud")
    with dataset.changing() as manifest:
        manifest["stages"]["tag/loud"] = {**manifest["stages"]["tag/default"], "writes": ["tags"]}
