"""Processes that share a dataset folder and the work."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.errors import UsageError

from .toy import Toy, ToyConfig


def test_ranks_share_the_units(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stage, root = Toy(ToyConfig(folder=str(log))), tmp_path / "ds"

    def rank(number: int) -> None:
        with Pool(0) as pool:
            LocalEngine(pool, Silent(), rank=number, world_size=2).run(Dataset(root), stage)

    threads = [threading.Thread(target=rank, args=(i,)) for i in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(log.read_text().split()) == ["u0", "u1", "u2", "u3"]
    assert Dataset(root).read("splits").height == 4


def test_a_rank_does_not_wait_beyond_the_deadline(tmp_path: Path) -> None:
    with Pool(0) as pool:
        alone = LocalEngine(pool, Silent(), rank=1, world_size=2, deadline=time.monotonic() + 1)
        result = alone.run(Dataset(tmp_path / "ds"), Toy(ToyConfig()))
    assert not result.finished
    assert result.counts["rows"] == 2


def test_ranks_cannot_refresh() -> None:
    with Pool(0) as pool, pytest.raises(UsageError, match="refresh in one process"):
        LocalEngine(pool, Silent(), rank=0, world_size=2, refresh=True)


def test_a_late_rank_that_comes_first_clears_the_old_run(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    before, after = Toy(ToyConfig(units=4)), Toy(ToyConfig(units=4, act="other"))
    run_stage(dataset, before)
    with Pool(0) as pool:
        LocalEngine(pool, Silent(), 1, 2, deadline=time.monotonic() + 0.5).run(dataset, after)
    assert "split" not in dataset.manifest()["stages"], "its parts are no longer those of the run it names"
    assert not run_stage(dataset, before).up_to_date
