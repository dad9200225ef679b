"""Processes that share a dataset folder and the work."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.ranks import AT_WORK, NOT_BEGUN, Followed, Ranks, in_words
from m5tools.errors import StaleError, UsageError
from m5tools.stage import Counts, Unit, Work

from .array import SILENT_AFTER_S, start
from .toy import Toy, ToyConfig, files


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


@pytest.mark.slow
def test_two_processes_write_what_one_writes(tmp_path: Path) -> None:
    run_stage(Dataset(tmp_path / "one"), Toy(ToyConfig()))
    ranks = [start(tmp_path / "two", Toy(ToyConfig()), i) for i in range(2)]
    assert [rank.last for rank in ranks] == ["finished", "finished"]
    assert files(tmp_path / "two") == files(tmp_path / "one")
    assert list((tmp_path / "two" / "runs" / "split").glob(".[le]*")) == []


@dataclass(frozen=True)
class Entry(Toy):
    """A stage that has several entries, as `cut` has one for each policy."""

    name: ClassVar[str] = "cut"

    @property
    def choices(self) -> dict[str, str]:
        return {"cut": f"c{self.config.units}"}


@pytest.mark.slow
def test_ranks_go_from_one_entry_of_a_stage_to_the_next(tmp_path: Path) -> None:
    entries = [Entry(ToyConfig(units=n)) for n in range(2, 6)]
    ranks = [start(tmp_path / "ds", entries, i) for i in range(2)]
    assert [rank.last for rank in ranks] == ["finished", "finished"]
    assert len(Dataset(tmp_path / "ds").manifest()["stages"]) == 4


@pytest.mark.slow
def test_a_rank_that_fails_ends_the_others_and_the_next_try_goes_through(tmp_path: Path) -> None:
    root, stage = tmp_path / "two", Toy(ToyConfig(act="mistake once"))
    ranks = [start(root, stage, i) for i in range(2)]
    assert ranks[1].last == "'split' failed: the file is odd; straighten it"
    assert ranks[0].last == (
        "rank 1 failed at unit 'u1' of round 'first': 'split' failed: the file is odd; straighten it; mend that, then "
        "start every rank again with the same command (finished units are kept)"
    )
    late = start(root, stage, 2, world_size=3)
    assert late.last == ranks[0].last, "it came late to a try that has failed"
    early = start(root, stage, 0)
    early.wait_until_said("split: waiting for rank 1 (not begun yet)")
    other = start(root, stage, 1)
    assert (early.last, other.last) == ("finished", "finished")
    (tmp_path / "one").mkdir()
    run_stage(Dataset(tmp_path / "one"), Toy(ToyConfig()))
    assert _parts(root) == _parts(tmp_path / "one")


@dataclass(frozen=True)
class Overtaken(Toy):
    """While its first unit is done, rank 1 fails."""

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        _fail(Ranks(work.dataset.root / "runs" / "split", "split", 1, 2, self.run_name({})))
        return super().process(round_name, unit, work)


def test_a_busy_rank_hears_of_a_failure_before_its_next_unit(tmp_path: Path, watching: Ranks) -> None:
    log = tmp_path / "log"
    with Pool(0) as pool, pytest.raises(Followed, match="rank 1 failed: odd"):
        LocalEngine(pool, Silent(), 0, 2).run(Dataset(tmp_path / "ds"), Overtaken(ToyConfig(folder=str(log))))
    assert log.read_text().split() == ["u0"]


@pytest.mark.slow
def test_a_killed_rank_is_found_silent_and_the_next_try_goes_through(tmp_path: Path) -> None:
    root, stage = tmp_path / "two", Toy(ToyConfig(act="crash once"))
    ranks = [start(root, stage, i) for i in range(2)]
    assert ranks[1].last == ""
    assert ranks[1].process.exitcode == -signal.SIGKILL
    killed = f"rank 1 (process {ranks[1].process.pid} on {os.uname().nodename}) is silent for "
    assert ranks[0].last.startswith(killed)
    assert ranks[0].last.endswith("start every rank again with the same command (finished units are kept)")
    assert "split: waiting for rank 1 (at work)" in ranks[0].said
    early = start(root, stage, 0)
    early.wait_until_said("split: waiting for rank 1 (not begun yet)")
    time.sleep(SILENT_AFTER_S + 1)
    other = start(root, stage, 1)
    assert (early.last, other.last) == ("finished", "finished")
    run_stage(Dataset(tmp_path / "one"), Toy(ToyConfig()))
    assert _parts(root) == _parts(tmp_path / "one")


@pytest.mark.slow
def test_a_rank_that_stops_at_its_time_limit_stops_those_that_wait_for_it(tmp_path: Path) -> None:
    root, stage = tmp_path / "ds", Toy(ToyConfig())
    limited = start(root, stage, 1, until_s=-1.0)
    assert limited.last == "stopped"
    assert start(root, stage, 0).last == "stopped"
    ranks = [start(root, stage, i) for i in range(2)]
    assert [rank.last for rank in ranks] == ["finished", "finished"]


def _parts(root: Path) -> dict[str, bytes]:
    """Without `dataset.json`, which tells the settings."""
    return {name: data for name, data in files(root).items() if name.endswith(".parquet")}


@pytest.fixture
def watching(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ranks:
    """Rank 0 of two, that looks whenever it is asked."""
    monkeypatch.setattr("m5tools.engine.ranks.LOOK_EVERY_S", 0.0)
    monkeypatch.delenv("SLURM_ARRAY_JOB_ID", raising=False)
    return _rank(tmp_path, 0)


def _rank(folder: Path, rank: int) -> Ranks:
    return Ranks(folder, "split", rank, 2, "run")


def _begin(ranks: Ranks) -> Path:
    """Write the lock of a rank, as its process would, and give its place."""
    lock = ranks.lock(ranks.rank)
    lock.write_text(json.dumps({"pid": 1, "host": "a", **ranks.begin()}))
    return lock


def _fail(ranks: Ranks) -> None:
    with pytest.raises(UsageError), ranks.telling(begun=True):
        raise UsageError("odd; straighten it")
    ranks.lock(ranks.rank).unlink(missing_ok=True)


def test_no_clock_decides_whether_a_rank_is_silent(watching: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1000.0]
    monkeypatch.setattr("m5tools.engine.ranks.time.monotonic", lambda: now[0])
    _begin(watching)
    lock = _begin(_rank(watching.folder, 1))
    os.utime(lock, (0, 0))  # a clock that is half a century behind
    for beat in range(40):
        now[0] += 29
        os.utime(lock, (1000 - beat, 1000 - beat))  # and runs backwards
        assert watching.stands([1]) == {1: AT_WORK}
    now[0] += 7200  # all were suspended: this process has not looked for hours
    assert watching.stands([1]) == {1: AT_WORK}
    for _ in range(9):
        now[0] += 29
        assert watching.stands([1]) == {1: AT_WORK}
    now[0] += 29
    with pytest.raises(Followed, match=r"rank 1 \(process 1 on a\) is silent for 5 min, since 19"):
        watching.stands([1])


def test_a_failure_of_an_earlier_try_ends_nobody(watching: Ranks) -> None:
    other = _rank(watching.folder, 1)
    _begin(watching), _begin(other)
    _fail(other)
    with pytest.raises(Followed, match="rank 1 failed: odd; straighten it; mend that"), watching.telling(begun=True):
        watching.heed()
    again, once_more = _rank(watching.folder, 0), _rank(watching.folder, 1)
    _begin(once_more)
    _fail(once_more)
    _begin(again)
    with pytest.raises(Followed):
        again.heed()  # it failed again, before this rank began the same try
    third = _rank(watching.folder, 0)
    _begin(third)
    third.heed()
    assert third.stands([1]) == {1: NOT_BEGUN}


def test_a_rank_that_comes_late_knows_its_array(watching: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "17")
    other = _rank(watching.folder, 1)
    _begin(other)
    _fail(other)
    late = _rank(watching.folder, 0)
    _begin(late)
    with pytest.raises(Followed):
        late.heed()
    late.lock(0).unlink()
    monkeypatch.setenv("SLURM_ARRAY_JOB_ID", "18")
    of_the_next = _rank(watching.folder, 0)
    _begin(of_the_next)
    of_the_next.heed()


def test_a_rank_that_fails_before_it_begins_ends_the_others(tmp_path: Path, watching: Ranks) -> None:
    _begin(watching)
    early = Ranks(tmp_path, "split", 1, 2)
    with pytest.raises(StaleError), early.telling(begun=False):
        raise StaleError("no such file; make it")
    with pytest.raises(Followed, match="rank 1 failed: no such file; make it"):
        watching.heed()


def test_a_second_process_of_a_rank_does_not_speak_for_it(watching: Ranks) -> None:
    _begin(watching)
    _begin(_rank(watching.folder, 1))
    with pytest.raises(StaleError), _rank(watching.folder, 1).telling(begun=False):
        raise StaleError("no such file; make it")
    watching.heed()


def test_a_rank_that_cannot_write_keeps_its_lock(watching: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("m5tools.engine.ranks.atomic.write_json", full)
    with pytest.raises(UsageError), watching.telling(begun=True):
        raise UsageError("odd")
    assert watching.mute


def test_an_interrupted_rank_may_come_back(watching: Ranks, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.engine.ranks.SILENT_AFTER_S", 0.0)
    _begin(watching)
    other = _rank(watching.folder, 1)
    lock = _begin(other)
    with pytest.raises(KeyboardInterrupt), other.telling(begun=True):
        raise KeyboardInterrupt
    lock.unlink()
    assert watching.stands([1]) == {1: "interrupted, not begun again yet"}
    _begin(_rank(watching.folder, 1))
    assert watching.stands([1]) == {1: AT_WORK}
    lock.unlink()
    watching.stands([1])
    time.sleep(0.01)
    with pytest.raises(Followed, match="rank 1 is gone and has not begun again"):
        watching.stands([1])


def test_many_ranks_are_told_in_one_line() -> None:
    stands = dict.fromkeys(range(2, 12), NOT_BEGUN) | {1: AT_WORK}
    assert in_words(stands) == "rank 1 (at work), ranks 2, 3, 4, 5, 6, 7, 8, 9 and 2 more (not begun yet)"


@pytest.mark.parametrize("body", ["{}", "[]", "1", '"x"', '{"entry": 1, "run": "", "try": "x"}'])
def test_what_no_rank_wrote_is_none_of_a_rank(tmp_path: Path, body: str) -> None:
    ranks = Ranks(tmp_path, "split", 0, 2, "run")
    for name in (".lock-1", ".ended-1", ".ended-0"):
        (tmp_path / name).write_text(body)
    assert ranks.begin()["try"] == 1
    assert ranks.stands([1]) == {1: NOT_BEGUN}
