"""The engine on a toy stage: counts, markers, resume, staleness, killed and hanging workers."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl
import pyarrow as pa
import pytest

from m5tools.dataset import Dataset, StageEntry
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.lock import held
from m5tools.engine.pool import Pool, _Worker
from m5tools.engine.progress import Silent
from m5tools.engine.verify import verify
from m5tools.errors import StageFailed, StaleError, UsageError
from m5tools.freshness import stale_upstream
from m5tools.journal import Journal
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work


class ToyConfig(StageConfig):
    units: int = 4
    act: str = "write"
    folder: str = ""


@dataclass(frozen=True)
class Toy(Stage):
    """Writes one part of `splits` a unit, and does what `act` says on the way."""

    name: ClassVar[str] = "split"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = ("splits",)

    config: ToyConfig

    def inputs(self) -> tuple[Input, ...]:
        return ()

    def rounds(self) -> tuple[str, ...]:
        return ("first", "last")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        return [Unit(f"u{i}", {"i": i}) for i in range(self.config.units if round_name == "first" else 1)]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        i = unit.args["i"]
        if round_name == "last":
            seen = len(list(work.scratch.glob("seen-*")))
            assert seen == self.config.units, "a round began before the one before it was done"
            return {"seen": seen}
        failed = 0
        if self.config.act == "crash in spite of blame" and i == 1:
            with work.item("bad"):
                os.kill(os.getpid(), signal.SIGKILL)
        if self.config.act == "slow" and i == 0:
            time.sleep(1)
        if work.blamed:
            failed = 1
            assert set(work.blamed) == {"bad"}
        elif i == 1:
            with work.item("bad"):
                self._act(work)
        (work.scratch / f"seen-{i}").touch()
        log = Path(self.config.folder) if self.config.folder else None
        if log:
            with log.open("a") as file:
                file.write(f"{unit.key}\n")
        rows = pl.DataFrame({"product_id": [f"{i:032x}"], "split": ["train"], "bridge": [False]})
        return {"rows": work.write("splits", i, rows), "items": 1, "failed": failed, "blamed": len(work.blamed)}

    def _act(self, work: Work) -> None:
        if self.config.act == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        if self.config.act == "crash once":
            once = work.scratch / "crashed"
            if not once.exists():
                once.touch()
                os.kill(os.getpid(), signal.SIGKILL)
        if self.config.act == "hang":
            time.sleep(3600)
        if self.config.act.startswith("seize "):
            Path(self.config.act[6:]).write_text(str(os.getpid()))
            ctypes.PyDLL(None).sleep(3600)  # as a decoder may: without giving the interpreter back
        if self.config.act == "chatter":
            os.write(2, b"said by a library")
            print("said by Python", file=sys.stderr)
        if self.config.act == "bug":
            raise ZeroDivisionError("a bug")
        if self.config.act == "full disk":
            with pa.OSFile("/dev/full", "wb") as file:
                file.write(bytes(1 << 16))
        if self.config.act.startswith("threads "):
            Path(self.config.act[8:]).write_text(f"{pl.thread_pool_size()} {pa.cpu_count()}")
        if self.config.act in ("mistake", "slow"):
            raise UsageError("the file is odd; straighten it")


def files(root: Path) -> dict[str, bytes]:
    kept = (p for p in sorted(root.rglob("*")) if p.is_file() and "runs" not in p.parts)
    return {str(p.relative_to(root)): p.read_bytes() for p in kept}


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_any_number_of_workers_writes_the_same_bytes(tmp_path: Path, workers: int) -> None:
    reference = Dataset(tmp_path / "reference")
    run_stage(reference, Toy(ToyConfig()))
    dataset = Dataset(tmp_path / "other")
    result = run_stage(dataset, Toy(ToyConfig()), workers)
    assert result.counts == {"blamed": 0, "failed": 0, "items": 4, "rows": 4, "seen": 4}
    assert files(dataset.root) == files(reference.root)


def test_done_work_is_not_done_again(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stage = Toy(ToyConfig(folder=str(log)))
    dataset = Dataset(tmp_path / "ds")
    assert not run_stage(dataset, stage).up_to_date
    assert run_stage(dataset, stage).up_to_date
    assert log.read_text().split() == ["u0", "u1", "u2", "u3"]


@dataclass(frozen=True)
class Patient(Toy):
    """Counts what the deadline left, and is settled when that is nothing."""

    stops_by_itself: ClassVar[bool] = True

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        return {**super().process(round_name, unit, work), "left": int(work.terms.late)}

    def settled(self, counts: Mapping[str, int]) -> bool:
        return not counts["left"]


def test_a_stage_that_stops_by_itself_commits_though_late_and_goes_on_later(tmp_path: Path) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Patient(ToyConfig())
    with Pool(0) as pool:
        late = LocalEngine(pool, Silent(), deadline=time.monotonic() - 1).run(dataset, stage)
    assert late.finished
    assert late.counts["left"] == 5
    assert stage.entry in dataset.manifest()["stages"]
    with Pool(0) as pool:
        assert LocalEngine(pool, Silent(), rank=1, world_size=2).run(dataset, stage).up_to_date, (
            "one goes on, not several"
        )
    going_on = run_stage(dataset, stage)
    assert not going_on.up_to_date
    assert going_on.counts["left"] == 0
    assert run_stage(dataset, stage).up_to_date


def test_a_stopped_run_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stage = Toy(ToyConfig(folder=str(log)))
    dataset = Dataset(tmp_path / "ds")
    with Pool(0) as pool:
        late = LocalEngine(pool, Silent(), deadline=time.monotonic() - 1).run(dataset, stage)
        assert not late.finished
        assert stage.entry not in dataset.manifest()["stages"]
    assert run_stage(dataset, stage).finished
    assert sorted(log.read_text().split()) == ["u0", "u1", "u2", "u3"]


def test_another_config_leaves_no_old_parts(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Toy(ToyConfig(units=4)))
    run_stage(dataset, Toy(ToyConfig(units=2)))
    assert dataset.read("splits").height == 2
    run_stage(dataset, Toy(ToyConfig(units=4)))
    assert dataset.read("splits").height == 4


def test_a_deleted_output_is_made_again(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Toy(ToyConfig()))
    before = files(dataset.root)
    dataset.parts("splits")[2].unlink()
    assert [fault.what for fault in verify(dataset)[1]] == ["missing"]
    with dataset.changing() as manifest:
        manifest["stages"].clear()
    run_stage(dataset, Toy(ToyConfig()))
    assert files(dataset.root) == before


def test_a_flipped_byte_is_found(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Toy(ToyConfig()))
    assert verify(dataset) == (4, [])
    part = dataset.parts("splits")[1]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    assert [fault.what for fault in verify(dataset)[1]] == ["of other content"]


def test_a_worker_killed_once_costs_nothing(tmp_path: Path) -> None:
    result = run_stage(Dataset(tmp_path / "ds"), Toy(ToyConfig(act="crash once")), 2)
    assert result.counts["failed"] == 0
    assert result.counts["rows"] == 4


def test_an_item_that_kills_twice_is_blamed(tmp_path: Path) -> None:
    result = run_stage(Dataset(tmp_path / "ds"), Toy(ToyConfig(act="crash")), 2)
    assert result.counts == {"blamed": 1, "failed": 1, "items": 4, "rows": 4, "seen": 4}


def test_an_item_that_hangs_is_cut_off(tmp_path: Path) -> None:
    with Pool(2, item_limit_s=0.5) as pool:
        result = LocalEngine(pool, Silent()).run(Dataset(tmp_path / "ds"), Toy(ToyConfig(act="hang")))
    assert result.counts["blamed"] == 1


def test_idle_workers_killed_from_outside_are_replaced(tmp_path: Path) -> None:
    with Pool(2) as pool:
        engine = LocalEngine(pool, Silent())
        engine.run(Dataset(tmp_path / "a"), Toy(ToyConfig()))
        for pid in pool.pids():
            os.kill(pid, signal.SIGKILL)
        assert engine.run(Dataset(tmp_path / "b"), Toy(ToyConfig())).counts["rows"] == 4


def test_libraries_of_workers_do_not_talk_to_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_stage(Dataset(tmp_path / "ds"), Toy(ToyConfig(act="chatter")), 1)
    assert capfd.readouterr().err == "said by Python\n"


def test_a_unit_that_kills_in_spite_of_blame_ends_the_stage(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="'u1' of 'split' ended its worker 4 times"):
        run_stage(Dataset(tmp_path / "ds"), Toy(ToyConfig(act="crash in spite of blame")), 1)


def test_what_a_failed_run_left_in_a_pool_is_not_taken_for_the_next(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "next")
    heard: list[str] = []
    listener = Silent()
    listener.unit_done = lambda entry, round_name, unit, *_: heard.append(unit)  # type: ignore[method-assign]
    with Pool(2) as pool:
        engine = LocalEngine(pool, listener)
        with pytest.raises(StageFailed, match="straighten it"):
            engine.run(Dataset(tmp_path / "failed"), Toy(ToyConfig(act="slow")))
        assert engine.run(dataset, Toy(ToyConfig(act="crash once"))).counts["rows"] == 4
    assert sorted(heard) == ["u0", "u0", "u1", "u2", "u3"]


def test_a_worker_killed_in_the_middle_of_its_answer_is_dead(tmp_path: Path) -> None:
    ours, theirs = multiprocessing.Pipe()
    os.write(theirs.fileno(), b"\0\0\0\x64half of it")
    theirs.close()
    worker = _Worker(multiprocessing.get_context("fork").Process(), ours, tmp_path / "journal")
    assert Pool._result(worker) is None


def test_a_bug_gives_its_traceback_and_a_mistake_its_message(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError: a bug"):
        run_stage(Dataset(tmp_path / "a"), Toy(ToyConfig(act="bug")))
    with pytest.raises(StageFailed, match="straighten it"):
        run_stage(Dataset(tmp_path / "b"), Toy(ToyConfig(act="mistake")), 1)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_disk_that_arrow_finds_full_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="no space left on device; free some space"):
        run_stage(Dataset(tmp_path / "ds"), Toy(ToyConfig(act="full disk")))


def test_too_many_failures_fail_the_stage(tmp_path: Path) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig(act="crash"))
    with Pool(1) as pool:
        engine = LocalEngine(pool, Silent(), max_failed_share=0.2)
        with pytest.raises(StageFailed, match="1 of 4 items failed"):
            engine.run(dataset, stage)


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


@dataclass(frozen=True)
class Reader(Toy):
    """A stage downstream of `Toy`."""

    name: ClassVar[str] = "cut"
    writes: ClassVar[tuple[str, ...]] = ()

    def inputs(self) -> tuple[Input, ...]:
        return (Input("splits"),)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        return []


def test_missing_and_stale_inputs_name_the_command(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    with pytest.raises(StaleError, match="run: m5 split --dataset"):
        run_stage(dataset, Reader(ToyConfig()))
    run_stage(dataset, Toy(ToyConfig()))
    run_stage(dataset, Reader(ToyConfig()))
    assert run_stage(dataset, Reader(ToyConfig())).up_to_date
    run_stage(dataset, Toy(ToyConfig(units=2)))
    assert not run_stage(dataset, Reader(ToyConfig())).up_to_date


def test_a_hundred_crawls_are_checked_at_once() -> None:
    names = [f"ingest/{i}" for i in range(100)]
    entry = StageEntry(
        stage="ingest", version=1, config={}, run="0" * 16, inputs={}, fingerprint="f", counts={}, writes=[]
    )
    stages = {name: {**entry, "inputs": dict.fromkeys(names[:i], "f")} for i, name in enumerate(names)}
    assert stale_upstream(names[-1], stages) is None  # type: ignore[arg-type]
    stages[names[0]]["fingerprint"] = "g"
    assert stale_upstream(names[-1], stages) == names[0]  # type: ignore[arg-type]


def test_a_second_run_of_a_stage_is_refused(tmp_path: Path) -> None:
    other = tmp_path / ".lock-0"
    # The parent of this process certainly lives and is not this one.
    other.write_text(f'{{"pid": {os.getppid()}, "host": "{os.uname().nodename}", "run": "x"}}')
    with pytest.raises(UsageError, match="another run"), held(tmp_path, "y", 0):
        pass
    other.write_text(f'{{"pid": 4194305, "host": "{os.uname().nodename}", "run": "x"}}')
    left = tmp_path / f".tmp-4194305@{os.uname().nodename}@.lock-0"
    left.touch()
    with held(tmp_path, "y", 0):
        assert other.exists()
        assert not left.exists()
    assert not other.exists()


def test_an_item_that_failed_is_not_left_in_the_journal(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    work = Work(Dataset(tmp_path), tmp_path, journal=journal)
    seen = []

    def fail() -> None:
        with work.item("bad"):
            seen.append(Journal.read(journal))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [*seen, Journal.read(journal)] == ["bad", ""]


def test_a_rank_does_not_wait_beyond_the_deadline(tmp_path: Path) -> None:
    with Pool(0) as pool:
        alone = LocalEngine(pool, Silent(), rank=1, world_size=2, deadline=time.monotonic() + 1)
        result = alone.run(Dataset(tmp_path / "ds"), Toy(ToyConfig()))
    assert not result.finished
    assert result.counts["rows"] == 2


def test_workers_share_the_cores(tmp_path: Path) -> None:
    """Workers with as many threads as cores each would only get into each other's way."""
    log = tmp_path / "threads"
    program = f"""
import os
from tests.engine.test_local import *
with Pool(os.cpu_count()) as pool:
    LocalEngine(pool, Silent()).run(Dataset({str(tmp_path / "ds")!r}), Toy(ToyConfig(act="threads {log}")))
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True)
    assert log.read_text() == "1 1"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_worker_that_hangs_in_a_decoder_goes_with_its_supervisor(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    program = f"""
from tests.engine.test_local import *
if __name__ == "__main__":
    run_stage(Dataset({str(tmp_path / "ds")!r}), Toy(ToyConfig(act="seize {told}")), 1)
"""
    (tmp_path / "program.py").write_text(program)
    root = Path(__file__).parents[2]
    supervisor = subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")], env=os.environ | {"PYTHONPATH": str(root)}
    )
    while not told.exists() or not told.read_text():
        assert supervisor.poll() is None
        time.sleep(0.05)
    supervisor.kill()
    supervisor.wait()
    worker, late = Path("/proc") / told.read_text(), time.monotonic() + 60
    while worker.exists() and "zombie" not in (worker / "status").read_text():
        assert time.monotonic() < late, "the worker lives on"
        time.sleep(0.05)


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_workers_are_not_forked(tmp_path: Path) -> None:
    """Polars starts threads when it is loaded; a fork in the moment one holds a lock waits for ever."""
    with Pool(1) as pool:
        [worker] = pool.pids()
        command, late = b"", time.monotonic() + 60
        while b"multiprocessing.spawn" not in command:  # at first it is still this process's, or none
            assert time.monotonic() < late, command
            command = Path(f"/proc/{worker}/cmdline").read_bytes()
        status = Path(f"/proc/{worker}/status").read_text()
        assert f"PPid:\t{os.getpid()}\n" in status


def test_ranks_cannot_refresh() -> None:
    with Pool(0) as pool, pytest.raises(UsageError, match="refresh in one process"):
        LocalEngine(pool, Silent(), rank=0, world_size=2, refresh=True)


def test_scratch_left_by_a_kill_after_the_end_is_no_fault(tmp_path: Path) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig())
    run_stage(dataset, stage)
    left = dataset.root / "runs" / "split" / stage.run_name({}) / "scratch" / "sample.json"
    left.parent.mkdir()
    left.write_text("{}")
    assert verify(dataset) == (4, [])


def test_a_holder_busy_with_one_thing_keeps_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("m5tools.engine.lock.BEAT_S", 0.01)
    with held(tmp_path, "run", 0):
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
        with held(folder, "run", 0):
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


class _Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def test_a_kill_while_an_old_run_is_removed_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig(units=3))
    with Pool(0) as pool:
        LocalEngine(pool, Silent(), deadline=time.monotonic() - 1).run(dataset, stage)
    monkeypatch.setattr(Toy, "rounds", lambda self: ("first", "last", "more"))
    monkeypatch.setattr(LocalEngine, "_commit", _killed)
    with pytest.raises(_Killed):
        run_stage(dataset, stage)

    def half(folder: Path | str, **_: object) -> None:
        if isinstance(folder, Path):  # not the pool's folder of journals
            (folder / "scratch" / "seen-0").unlink()
            raise _Killed

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", half)
        with pytest.raises(_Killed):
            run_stage(dataset, Toy(ToyConfig(units=2)))
    monkeypatch.undo()
    shutil.rmtree(dataset.root / "runs" / "split" / stage.run_name({}) / "last", ignore_errors=True)
    assert run_stage(dataset, stage).counts["seen"] == 3


def _killed(*_: object) -> None:
    raise _Killed


def test_a_late_rank_that_comes_first_clears_the_old_run(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    before, after = Toy(ToyConfig(units=4)), Toy(ToyConfig(units=4, act="other"))
    run_stage(dataset, before)
    with Pool(0) as pool:
        LocalEngine(pool, Silent(), 1, 2, deadline=time.monotonic() + 0.5).run(dataset, after)
    assert "split" not in dataset.manifest()["stages"], "its parts are no longer those of the run it names"
    assert not run_stage(dataset, before).up_to_date
