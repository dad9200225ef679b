"""What was finished and is not in `dataset.json` is told; what is under way, was killed or is done anew is not."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from m5tools.dataset import Dataset
from m5tools.engine import room
from m5tools.engine import verify as verifying
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.unlisted import begun, unlisted
from m5tools.engine.verify import verify
from m5tools.errors import StageFailed

from .toy import Toy, ToyConfig


class _Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


def _killed(*_: object, **__: object) -> None:
    raise _Killed


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = Dataset(tmp_path / "ds")
    run_stage(made, Toy(ToyConfig()))
    return made


def test_a_stage_that_was_taken_out_is_told_and_the_command_mends_it(dataset: Dataset) -> None:
    with dataset.changing() as manifest:
        run = manifest["stages"].pop("split")["run"]
    [fault] = verify(dataset)[1]
    assert (fault.path, fault.remedy) == ("runs/split", f"m5 split --dataset {dataset.root}")
    assert fault.what.startswith(f"its run {run} was finished, and dataset.json does not tell of it; ")
    run_stage(dataset, Toy(ToyConfig()))
    assert verify(dataset) == (4, [])


def test_a_stage_of_which_another_run_is_told_is_told(dataset: Dataset) -> None:
    with dataset.changing() as manifest:
        manifest["stages"]["split"]["run"] = "0" * 16
    assert [fault.what[:8] for fault in verify(dataset)[1] if "was finished" in fault.what] == ["its run "]


@pytest.mark.parametrize("act", ["late", "mistake", "before commit"])
def test_a_run_that_did_not_come_to_its_end_is_no_fault(
    tmp_path: Path, act: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = Dataset(tmp_path / "ds")
    if act == "late":
        with Pool(0) as pool:
            LocalEngine(pool, Silent(), deadline=time.monotonic() - 1).run(dataset, Toy(ToyConfig()))
    if act == "mistake":
        with pytest.raises(StageFailed):
            run_stage(dataset, Toy(ToyConfig(act="mistake")))
    if act == "before commit":
        monkeypatch.setattr("m5tools.engine.local.commit", _killed)
        with pytest.raises(_Killed):
            run_stage(dataset, Toy(ToyConfig()))
        assert dataset.parts("splits")
        assert list(begun(dataset))
    assert verify(dataset) == (0, [])


@pytest.mark.parametrize("config", [ToyConfig(), ToyConfig(units=2)])
@pytest.mark.parametrize("step", ["changing", "discard"])
def test_a_kill_while_a_stage_is_about_to_be_done_anew_is_no_fault(
    dataset: Dataset, config: ToyConfig, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before it is taken out of `dataset.json`, and between that and the removal of its markers."""

    def again() -> None:
        with Pool(0) as pool:
            LocalEngine(pool, Silent(), refresh=True).run(dataset, Toy(config))

    with monkeypatch.context() as patch:
        if step == "discard":
            patch.setattr(room, "discard", _killed)
        else:
            patch.setattr("m5tools.atomic.write_json", _killed_at_the_manifest)
        with pytest.raises(_Killed):
            again()
    assert ("split" in dataset.manifest()["stages"]) == (step == "changing")
    assert [fault.what for fault in verify(dataset)[1]] == []
    again()
    assert verify(dataset) == (config.units, [])
    assert not list(dataset.root.rglob(".anew"))


def _killed_at_the_manifest(path: Path, value: Any, write: Any = room.atomic.write_json) -> None:
    if path.name == "dataset.json":
        raise _Killed
    write(path, value)


def test_what_is_kept_after_such_a_kill_can_be_missed_again(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch, suppress(_Killed), Pool(0) as pool:
        patch.setattr("m5tools.atomic.write_json", _killed_at_the_manifest)
        LocalEngine(pool, Silent(), refresh=True).run(dataset, Toy(ToyConfig()))
    lock = dataset.root / "runs" / "split" / ".lock-0"
    lock.write_text("{}")  # a killed process leaves it
    monkeypatch.setattr("m5tools.engine.lock.DEAD_AFTER_S", 0.0)
    assert run_stage(dataset, Toy(ToyConfig())).up_to_date
    assert not list(dataset.root.rglob(".anew"))
    with dataset.changing() as manifest:
        manifest["stages"].clear()
    assert [entry for entry, _ in unlisted(dataset)] == ["split"]


def test_a_crawl_called_like_a_run_is_none(tmp_path: Path) -> None:
    home = tmp_path / "runs" / "ingest" / ("c" * 16)
    (home / ("d" * 16) / "parse").mkdir(parents=True)
    (home / "delivered.json").write_text("[]")
    (home / ("d" * 16) / "parse" / "0.json").write_text("{}")
    assert unlisted(Dataset(tmp_path)) == [(f"ingest/{'c' * 16}", "d" * 16)]


@pytest.mark.parametrize("moment", ["_recorded", "_of_files", "_strays", "_of_manifest"])
def test_what_is_done_anew_while_it_is_checked_is_no_fault(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Above all its parts are none that somebody should remove."""
    real, done, anew = getattr(verifying, moment), list[object](), Toy(ToyConfig(units=6))

    def beside(*arguments: Any, **more: Any) -> Any:
        if not done:
            done.append(run_stage(dataset, anew))
        return real(*arguments, **more)

    monkeypatch.setattr(verifying, moment, beside)
    assert verify(dataset)[1] == []
    assert done
    assert verify(dataset) == (6, [])


def test_markers_that_go_while_they_are_read_end_no_check(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> list[Path]:
        markers = list_markers(*_)
        run_stage(dataset, Toy(ToyConfig(units=2)))
        return markers

    list_markers = verifying._markers_in
    monkeypatch.setattr(verifying, "_markers_in", gone)
    assert verify(dataset)[1] == []
