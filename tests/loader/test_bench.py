from __future__ import annotations

import json
from pathlib import Path

import pytest

from m5tools.errors import UsageError
from m5tools.loader.bench import measure


@pytest.mark.parametrize("workers", [0, 1])
def test_every_stage_has_a_rate(folder: Path, workers: int) -> None:
    rates = measure(folder, batches=3, workers=workers, threads=2, global_batch_size=6, image_size=32)
    assert [s.name for s in rates.stages] == ["read", "decode", "pack", "hand-off", "whole", "ceiling"]
    assert all(s.samples_per_s > 0 for s in rates.stages)
    assert (rates.samples, rates.batches, rates.workers, rates.threads, rates.bad) == (18, 3, workers, 2, 0)
    assert rates.bytes_a_sample > 100
    assert json.loads(json.dumps(rates.to_dict()))["share"] == rates.share > 0


def test_damage_is_counted(folder: Path) -> None:
    tar = folder / "train-000000.tar"
    tar.write_bytes(bytes(tar.stat().st_size))
    assert measure(folder, batches=9, workers=0, global_batch_size=12).bad > 2


def test_too_few_samples_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="fewer than two batches of 20"):
        measure(folder, global_batch_size=20)
