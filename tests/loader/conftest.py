"""Shards of a small shop with every kind of hole."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.shards.stage import Shard, ShardConfig

from ..conftest import REPOSITORY
from ..shards.shop import Shop


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the first test that needs the dataset leaves a copy for the others."""
    return tmp_path_factory.mktemp("original") / "dataset"


@pytest.fixture
def dataset(original: Path, make_dataset: Callable[..., Dataset], tmp_path: Path) -> Dataset:
    """32 products; 25 in train, 7 in test. Every test has its own, to damage as it likes."""
    if original.exists():
        return Dataset(shutil.copytree(original, tmp_path / "dataset"))
    dataset = make_dataset(Shop(tmp_path / "media", 32).tables)
    run_stage(dataset, Shard(ShardConfig(samples_per_shard=7, image_long_side=48, max_images=3, max_frames=3)))
    shutil.copytree(dataset.root, original)
    return dataset


def torchrun(world: int, script: Path, *arguments: object) -> None:
    """Run a script in `world` processes, with the m5tools of this checkout."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={world}"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    subprocess.run([*launch, script, *map(str, arguments)], check=True, timeout=300, env=environment)


@pytest.fixture
def folder(dataset: Dataset) -> Path:
    """The shard folder."""
    return dataset.root / "shards" / "default"
