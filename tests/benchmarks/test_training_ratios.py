"""What pictures, loading and a step of SCALE cost beside another way to the same: half of it is not lost unseen.

As in `test_ratios`: ratios by processor time, medians of runs in turn. Pictures are drawn, so no data set is needed.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import loader_rate, loader_shards, loader_sides, scale_released, scale_step
from benchmarks.duplicate_pictures import found
from benchmarks.picture_copies import NEAR, apart, jpeg, measured, reference
from m5tools.media import image
from tests.conftest import REPOSITORY
from tests.dedup.shop import drawing

from .in_turn import ratio

pytestmark = pytest.mark.slow

SAMPLES = 512
PICTURES, CONTRAST, STEP = 1.4, 0.7, 0.7
LOADER = {"fast": 0.55, "pillow": 2.0}
"""Least ratios, theirs by ours: about half of what these tests measured (2.8, 1.4, 1.2; 1.1 and 3.9)."""
STEP_MEMORY = 1.4
"""Of memory, which is steadier: 1.76 was measured."""


def jpegs(count: int) -> list[bytes]:
    """Drawn things on white, 600 × 600 pixels, no two alike."""
    return [jpeg(np.asarray(drawing(seed, side=600)), 92) for seed in range(count)]


def test_pictures_beside_pdqhash() -> None:
    files = jpegs(60)
    near = [apart(measured(file)[0], reference(file)[0]) <= NEAR for file in files]
    assert sum(near) > 0.9 * len(files), "not the same hash"
    copies = [jpeg(image.decode(file, 4_000).rgb, 50) for file in files]
    pairs = {pair for pair, (_, alike, _) in found(files + copies).items() if alike}
    assert pairs == {(i, i + len(files)) for i in range(len(files))}
    assert ratio(lambda: [*map(measured, files)], lambda: [*map(reference, files)]) >= PICTURES


@pytest.mark.parametrize("how", LOADER)
def test_loader_beside_webdataset(how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process: what it costs to start workers hides what they do."""
    made = jpegs(64)
    monkeypatch.setattr(loader_shards, "pictures", lambda: made)
    monkeypatch.setattr(loader_sides, "WORKERS", 0)
    loader_shards.write(tmp_path / "shards", SAMPLES)
    for side in ("m5", f"webdataset {how}"):
        assert loader_rate.agreed(side, tmp_path) == {"given": SAMPLES, "strange": 0}

    def epoch(side: str) -> int:
        return sum(1 for _ in loader_sides.BATCHES[side](tmp_path, how))

    assert ratio(lambda: epoch("m5"), lambda: epoch("webdataset")) >= LOADER[how]


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_thread")
def test_contrast_beside_loops_over_pairs() -> None:
    ours = scale_step.contrast(scale_step.contrast_ours, 64)
    loops = scale_step.contrast(scale_released.pairs_loops, 64)
    assert abs(ours() - loops()) < 1e-5
    assert ratio(lambda: [ours() for _ in range(20)], lambda: [loops() for _ in range(20)]) >= CONTRAST


@pytest.mark.usefixtures("one_thread")
def test_a_step_beside_the_released_computation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale_step, "BATCH", 4)
    torch.manual_seed(0)
    ours, theirs = scale_step.ours(), scale_step.released()
    assert math.isfinite(ours())
    assert math.isfinite(theirs())
    assert ratio(ours, theirs, runs=3) >= STEP


def test_memory_of_a_step_beside_the_released_computation() -> None:
    def used(side: str) -> float:
        command = [sys.executable, "-m", "benchmarks.scale_step", "--memory", side]
        done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
        before, peak = json.loads(done.stdout)
        return float(peak) - float(before)

    assert used("released") / used("ours") >= STEP_MEMORY
