"""One run of a stage at a time."""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import run_stage
from m5tools.engine.lock import held
from m5tools.engine.ranks import Ranks
from m5tools.errors import StageFailed, UsageError

from .toy import Toy, ToyConfig


def _alone(folder: Path) -> Ranks:
    return Ranks(folder, "split", 0, 1, "run")


def test_a_second_run_of_a_stage_is_refused(tmp_path: Path) -> None:
    other = tmp_path / ".lock-0"
    # The parent of this process certainly lives and is not this one.
    other.write_text(f'{{"pid": {os.getppid()}, "host": "{os.uname().nodename}", "run": "x"}}')
    with pytest.raises(UsageError, match="another run"), held(_alone(tmp_path)):
        pass
    other.write_text(f'{{"pid": 4194305, "host": "{os.uname().nodename}", "run": "x"}}')
    left = tmp_path / f".tmp-4194305@{os.uname().nodename}@.lock-0"
    left.touch()
    with held(_alone(tmp_path)):
        assert other.exists()
        assert not left.exists()
    assert not other.exists()


def test_a_holder_busy_with_one_thing_keeps_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.engine.lock.BEAT_S", 0.01)
    with held(_alone(tmp_path)):
        lock = tmp_path / ".lock-0"
        os.utime(lock, (0, 0))
        deadline = time.monotonic() + 30
        while lock.stat().st_mtime < 1 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert lock.stat().st_mtime > 1
    assert not lock.exists()


def _hold(folder: Path, begin: float, results: multiprocessing.SimpleQueue[str]) -> None:
    time.sleep(max(0.0, begin - time.time()))
    try:
        with held(_alone(folder)):
            results.put("held")
            time.sleep(1)
    except UsageError:
        results.put("refused")


def test_of_runs_that_start_at_the_same_moment_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    context = multiprocessing.get_context("fork")
    monkeypatch.setattr("m5tools.engine.lock.atomic.write_json", _write_slowly)
    results: multiprocessing.SimpleQueue[str] = context.SimpleQueue()
    begin = time.time() + 0.3
    runs = [context.Process(target=_hold, args=(tmp_path, begin, results)) for _ in range(3)]
    for run in runs:
        run.start()
    outcome = sorted(results.get() for _ in runs)
    for run in runs:
        run.join()
    assert outcome == ["held", "refused", "refused"]


def _write_slowly(file: Path, value: object) -> None:
    time.sleep(0.2)
    file.write_text(json.dumps(value))


@dataclass(frozen=True)
class Named(Toy):
    """A stage that has several entries, as `ingest` has one for each crawl."""

    name: ClassVar[str] = "ingest"

    @property
    def choices(self) -> dict[str, str]:
        return {"crawl": f"c{self.config.units}"}


def test_two_entries_of_a_stage_are_not_run_at_once(tmp_path: Path) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Named(ToyConfig(units=2))
    other = dataset.root / "runs" / "ingest" / ".lock-0"
    other.parent.mkdir(parents=True)
    # The parent of this process certainly lives and is not this one.
    other.write_text(json.dumps({"pid": os.getppid(), "host": os.uname().nodename, "run": "ingest/c9 x"}))
    with pytest.raises(UsageError, match="another run"):
        run_stage(dataset, stage)


def test_a_holder_elsewhere_is_known_by_its_heartbeat_whatever_its_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m5tools.engine.lock.BEAT_S", 0.05)
    monkeypatch.setattr("m5tools.engine.lock.DEAD_AFTER_S", 60.0)
    other = tmp_path / ".lock-0"
    other.write_text('{"pid": 1, "host": "elsewhere", "run": "x"}')
    over = threading.Event()

    def touch() -> None:
        behind = 1.0
        while not over.wait(0.02):
            behind += 1
            os.utime(other, (behind, behind))  # its file server is in 1970

    beating = threading.Thread(target=touch)
    beating.start()
    try:
        with pytest.raises(UsageError, match=r"process 1 on elsewhere"), held(_alone(tmp_path)):
            pass
    finally:
        over.set()
        beating.join()


def test_a_holder_elsewhere_that_was_seen_to_be_still_is_gone_whatever_its_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m5tools.engine.lock.BEAT_S", 0.05)
    monkeypatch.setattr("m5tools.engine.lock.DEAD_AFTER_S", 0.3)
    other = tmp_path / ".lock-0"
    other.write_text('{"pid": 1, "host": "elsewhere", "run": "x"}')
    ahead = time.time() + 86_400
    os.utime(other, (ahead, ahead))
    started = time.monotonic()
    with held(_alone(tmp_path)):
        assert time.monotonic() - started >= 0.3  # not before it was watched
        assert json.loads(other.read_text())["host"] == os.uname().nodename


DAMAGED = ["", "{", "{}", "[]", "1", '"x"', "null", "[" * 9_000, '{"pid": "1", "host": "h", "run": "x"}']


@pytest.mark.parametrize("body", DAMAGED)
def test_a_lock_that_does_not_tell_its_holder_is_watched_until_it_was_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    monkeypatch.setattr("m5tools.engine.lock.BEAT_S", 0.05)
    monkeypatch.setattr("m5tools.engine.lock.DEAD_AFTER_S", 0.3)
    (tmp_path / ".lock-0").write_text(body)
    (tmp_path / ".ended-1").write_text(body)
    started = time.monotonic()
    with held(_alone(tmp_path)):
        assert time.monotonic() - started >= 0.3
        assert json.loads((tmp_path / ".lock-0").read_text())["pid"] == os.getpid()


def test_a_lock_that_does_not_tell_its_living_holder_is_respected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m5tools.engine.lock.BEAT_S", 0.05)
    with held(_alone(tmp_path)):
        lock = tmp_path / ".lock-0"
        lock.write_text("{}")
        with pytest.raises(UsageError, match=rf"its lock is damaged .* or remove {lock} if"), held(_alone(tmp_path)):
            pass


@pytest.mark.parametrize("pid", [99999999999999999999, 2**31, 0, -1])
def test_a_number_that_no_process_has_is_that_of_none(tmp_path: Path, pid: int) -> None:
    host = os.uname().nodename
    (tmp_path / ".lock-0").write_text(json.dumps({"pid": pid, "host": host, "run": "x"}))
    left = tmp_path / f".tmp-99999999999999999999@{host}@.lock-0"
    left.touch()
    with held(_alone(tmp_path)):
        assert not left.exists()


def test_a_run_that_stood_still_ends_when_another_has_taken_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("m5tools.engine.lock.BEAT_S", 0.01)
    ranks, lock = _alone(tmp_path), tmp_path / ".lock-0"
    with held(ranks):
        lock.write_text(json.dumps({"pid": os.getppid(), "host": os.uname().nodename, "run": "y"}))
        deadline = time.monotonic() + 30
        while not ranks.robbed and time.monotonic() < deadline:
            time.sleep(0.01)
        with pytest.raises(StageFailed, match="stood still"):
            ranks.heed()
    assert json.loads(lock.read_text())["pid"] == os.getppid(), "the other's lock is left alone"
