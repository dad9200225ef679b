"""Workers that are killed, hang, chatter or end, and items that are blamed for it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool, _Worker
from m5tools.engine.progress import Silent
from m5tools.errors import StageFailed
from m5tools.journal import Journal
from m5tools.stage import Work

from .toy import Toy, ToyConfig


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


def test_workers_share_the_cores(tmp_path: Path) -> None:
    """Workers with as many threads as cores each would only get into each other's way."""
    log = tmp_path / "threads"
    program = f"""
import os
from tests.engine.test_pool import *
with Pool(os.cpu_count()) as pool:
    LocalEngine(pool, Silent()).run(Dataset({str(tmp_path / "ds")!r}), Toy(ToyConfig(act="threads {log}")))
"""
    subprocess.run([sys.executable, "-c", program], cwd=Path(__file__).parents[2], check=True)
    assert log.read_text() == "1 1"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at /proc")
def test_a_worker_that_hangs_in_a_decoder_goes_with_its_supervisor(tmp_path: Path) -> None:
    told = tmp_path / "pid"
    program = f"""
from tests.engine.test_pool import *
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


def test_a_clock_that_jumps_back_hides_no_hanging_item(tmp_path: Path) -> None:
    """The journal lies in the future then; only whether it changes counts."""
    stage = Toy(ToyConfig(act="future and hang"))
    with Pool(1, item_limit_s=0.5) as pool:
        assert LocalEngine(pool, Silent()).run(Dataset(tmp_path / "ds"), stage).counts["blamed"] == 1
