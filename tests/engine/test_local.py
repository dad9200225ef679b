"""The engine on a toy stage: counts, markers, resume, staleness, failures."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.verify import verify
from m5tools.errors import StageFailed, StaleError
from m5tools.freshness import stale_upstream
from m5tools.manifest import StageEntry
from m5tools.stage import Counts, Input, Unit, Work

from .toy import Toy, ToyConfig, files


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
        stage="ingest",
        version=1,
        config={},
        settings={},
        run="0" * 16,
        inputs={},
        fingerprint="f",
        counts={},
        writes=[],
    )
    stages = {name: {**entry, "inputs": dict.fromkeys(names[:i], "f")} for i, name in enumerate(names)}
    assert stale_upstream(names[-1], stages) is None  # type: ignore[arg-type]
    stages[names[0]]["fingerprint"] = "g"
    assert stale_upstream(names[-1], stages) == names[0]  # type: ignore[arg-type]


def test_scratch_left_by_a_kill_after_the_end_is_no_fault(tmp_path: Path) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig())
    run_stage(dataset, stage)
    left = dataset.root / "runs" / "split" / stage.run_name({}) / "scratch" / "sample.json"
    left.parent.mkdir()
    left.write_text("{}")
    assert verify(dataset) == (4, [])


class _Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def test_a_kill_while_an_old_run_is_removed_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig(units=3))
    with Pool(0) as pool:
        LocalEngine(pool, Silent(), deadline=time.monotonic() - 1).run(dataset, stage)
    monkeypatch.setattr(Toy, "rounds", lambda self: ("first", "last", "more"))
    monkeypatch.setattr("m5tools.engine.local.commit", _killed)
    with pytest.raises(_Killed):
        run_stage(dataset, stage)

    def half(folder: Path, **_: object) -> None:
        (folder / "scratch" / "seen-0").unlink()
        raise _Killed

    with Pool(0) as pool, monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", half)
        with pytest.raises(_Killed):
            LocalEngine(pool, Silent()).run(dataset, Toy(ToyConfig(units=2)))
    monkeypatch.undo()
    shutil.rmtree(dataset.root / "runs" / "split" / stage.run_name({}) / "last", ignore_errors=True)
    assert run_stage(dataset, stage).counts["seen"] == 3


def _killed(*_: object) -> None:
    raise _Killed


def test_what_a_kill_after_the_end_left_goes_with_the_next_command(tmp_path: Path) -> None:
    """Though there is nothing to do."""
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig())
    run_stage(dataset, stage)
    home = dataset.root / "runs" / "split"
    for left in (home / stage.run_name({}) / "scratch", home / ".gone-4194305-1"):
        left.mkdir()
        (left / "sample.json").write_text("{}")
    (home / ".lock-0").write_text(f'{{"pid": 4194305, "host": "{os.uname().nodename}", "run": "split x"}}')
    assert run_stage(dataset, stage).up_to_date
    assert sorted(path.name for path in home.iterdir() if path.is_dir()) == [stage.run_name({})]
    assert not list(home.rglob("scratch"))
    assert not (home / ".lock-0").exists()


@dataclass(frozen=True)
class Robbed(Reader):
    """Removes a part of its input while it works, before or after a unit that would have read it."""

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        return [Unit("all")] if round_name == "first" else []

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        count = work.dataset.read("splits").height
        if self.config.act == "rob":
            work.dataset.parts("splits")[-1].unlink()
        if self.config.act == "forget":
            with work.dataset.changing() as manifest:
                del manifest["stages"]["split"]
        return {"seen": count}


def test_a_part_that_is_removed_during_the_run_is_missed(tmp_path: Path) -> None:
    """Whoever reads a table takes the parts that are there; and what was done without one is not kept for later."""
    dataset, source = Dataset(tmp_path / "ds"), Toy(ToyConfig())
    run_stage(dataset, source)
    with pytest.raises(StaleError, match=r"part-00003\.parquet, which is missing since the run began; run: m5 split"):
        run_stage(dataset, Robbed(ToyConfig(act="rob")))
    assert "cut" not in dataset.manifest()["stages"]
    assert not [folder for folder in (dataset.root / "runs" / "cut").iterdir() if folder.is_dir()]
    with pytest.raises(StaleError, match=r"part-00003\.parquet: missing; run: m5 split"):
        run_stage(dataset, Robbed(ToyConfig()))
    run_stage(dataset, source)
    assert run_stage(dataset, Robbed(ToyConfig())).counts["seen"] == 4


def test_notes_of_generations_go_before_what_they_vouch_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed while it removes them must leave none that stands for parts that are gone."""
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Toy(ToyConfig()))
    for name in ("c1/made.json", "c1/part-00000.parquet", "c2/made.json", "c2/part-00000.parquet"):
        (dataset.folder("splits") / name).parent.mkdir(exist_ok=True)
        (dataset.folder("splits") / name).write_bytes(b"of an earlier run")
    gone: list[str] = []
    monkeypatch.setattr("m5tools.engine.commit.atomic.remove", lambda file: gone.append(file.name))
    run_stage(dataset, Toy(ToyConfig(units=3)))
    assert gone[:2] == ["made.json"] * 2
    assert gone.count("part-00000.parquet") == 2


def test_an_input_that_is_made_anew_during_the_run_is_missed(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Toy(ToyConfig()))
    with pytest.raises(StaleError, match="'cut' reads what 'split' made, which is being made anew since the run began"):
        run_stage(dataset, Robbed(ToyConfig(act="forget")))


def test_what_changes_outside_during_the_run_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts = iter([*[[["in/a.csv", 3, "1"], ["in/b.csv", 4, "1"]]] * 2, [["in/a.csv", 3, "1"], ["in/b.csv", 5, "2"]]])
    monkeypatch.setattr(Toy, "outside", lambda self: next(facts))
    with pytest.raises(StageFailed, match=r"'split': in/b\.csv changed during the run; run the same command again"):
        run_stage(Dataset(tmp_path / "ds"), Toy(ToyConfig()))


def test_a_stage_whose_markers_and_parts_are_gone_is_done_again(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Toy(ToyConfig()))
    before = files(dataset.root)
    for folder in (dataset.root / "runs" / "split", dataset.folder("splits")):
        shutil.rmtree(folder)
    assert not run_stage(dataset, Toy(ToyConfig())).up_to_date
    assert files(dataset.root) == before


def test_an_input_that_is_lost_later_costs_a_finished_stage_nothing(tmp_path: Path) -> None:
    dataset = Dataset(tmp_path / "ds")
    run_stage(dataset, Toy(ToyConfig()))
    run_stage(dataset, Robbed(ToyConfig()))
    before = files(dataset.root)
    shutil.rmtree(dataset.folder("splits"))
    with pytest.raises(StaleError, match=r"\.parquet: missing; run: m5 split"):
        run_stage(dataset, Robbed(ToyConfig()))
    run_stage(dataset, Toy(ToyConfig()))
    assert run_stage(dataset, Robbed(ToyConfig())).up_to_date
    assert files(dataset.root) == before
    assert verify(dataset)[1] == []
