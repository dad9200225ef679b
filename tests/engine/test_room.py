"""What a run does not build on: markers and scratch of a version that laid its scratch out or hashed otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from m5tools import hashing
from m5tools.dataset import Dataset
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.room import make_scratch
from m5tools.engine.verify import verify
from m5tools.errors import StageFailed, UsageError
from m5tools.registry import StageName, build

from .toy import Toy, ToyConfig, files

FORMER: list[tuple[StageName, dict[str, Any], str]] = [
    ("fetch", {}, "list"),
    ("survey", {}, "count"),
    ("measure", {}, "measure"),
    ("compare", {}, "keys"),
    ("shard", {}, "order"),
    ("overlay", {"name": "later", "cut": "default"}, "base"),
]
"""The first round of each stage that laid its scratch out otherwise, by the name that it bore then."""


@pytest.mark.parametrize(("name", "settings", "former"), FORMER, ids=lambda value: str(value))
def test_rounds_of_another_layout_bear_other_names(name: StageName, settings: dict[str, Any], former: str) -> None:
    assert former not in build(name, settings).rounds()


def begun_otherwise(dataset: Dataset, stage: Toy) -> Path:
    """What another version left that was killed: a unit of a round that is no more, one of a round that is, scratch."""
    folder = dataset.root / "runs" / "split" / stage.run_name({})
    for round_name in ("former", "first"):
        (folder / round_name).mkdir(parents=True)
        (folder / round_name / "u0.json").write_text(json.dumps({"counts": {"rows": 99}, "outputs": []}))
    (folder / "scratch").mkdir()
    (folder / "scratch" / "seen-9").touch()  # the last round counts these files
    return folder


def test_a_run_that_was_begun_in_other_rounds_is_begun_anew(tmp_path: Path) -> None:
    reference = Dataset(tmp_path / "reference")
    counts = run_stage(reference, Toy(ToyConfig())).counts
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig())
    folder = begun_otherwise(dataset, stage)
    assert run_stage(dataset, stage).counts == counts
    assert files(dataset.root) == files(reference.root)
    assert sorted(path.name for path in folder.iterdir()) == ["first", "last"]
    assert verify(dataset) == (4, [])


def test_ranks_leave_such_a_run_to_one_process(tmp_path: Path) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig())
    folder = begun_otherwise(dataset, stage)
    with Pool(0) as pool, pytest.raises(UsageError, match=r"begun by another version .* without --world-size"):
        LocalEngine(pool, Silent(), rank=1, world_size=2).run(dataset, stage)
    assert (folder / "scratch" / "seen-9").exists()


def begun(dataset: Dataset) -> tuple[Path, Path]:
    """The scratch folder of a run that ended in the middle, with a file more than the last round counts, and the note
    of its hashes."""
    mistaken = Toy(ToyConfig(act="mistake once"))
    with pytest.raises(StageFailed, match="the file is odd"):
        run_stage(dataset, mistaken)
    scratch = dataset.root / "runs" / "split" / mistaken.run_name({}) / "scratch"
    assert (scratch.parent / "first" / "u0.json").exists()
    (scratch / "seen-9").touch()
    [note] = scratch.glob("hashed-as-*")
    return scratch, note


def test_a_run_is_gone_on_with_where_hashes_are_the_same(tmp_path: Path) -> None:
    scratch, _ = begun(dataset := Dataset(tmp_path / "ds"))
    (scratch / "seen-9").unlink()
    (scratch / "seen-0").rename(scratch / "seen-of-before")
    (scratch / "hashes-ab12cd34").mkdir()  # the temporary folder of a unit that was killed
    assert run_stage(dataset, Toy(ToyConfig(act="mistake once"))).counts["seen"] == 4, "u0 was not done again"


@pytest.mark.parametrize("noted", ["another", "none"])
def test_a_run_whose_scratch_other_hashes_made_is_begun_anew(tmp_path: Path, noted: str) -> None:
    scratch, note = begun(dataset := Dataset(tmp_path / "ds"))
    if noted == "another":
        note.rename(scratch / "hashed-as-0123456789abcdef")
    else:
        note.unlink()
    with pytest.raises(StageFailed, match="the file is odd"):  # that it was told once lay in the scratch folder
        run_stage(dataset, Toy(ToyConfig(act="mistake once")))
    assert not (scratch / "seen-9").exists()
    assert run_stage(dataset, Toy(ToyConfig(act="mistake once"))).counts["seen"] == 4
    assert verify(dataset) == (4, [])


def test_ranks_leave_a_run_of_other_hashes_to_one_process(tmp_path: Path) -> None:
    scratch, note = begun(dataset := Dataset(tmp_path / "ds"))
    note.rename(scratch / "hashed-as-0123456789abcdef")
    with Pool(0) as pool, pytest.raises(UsageError, match=r"another version of m5tools or Polars; .*--world-size"):
        LocalEngine(pool, Silent(), rank=1, world_size=2).run(dataset, Toy(ToyConfig(act="mistake once")))
    assert (scratch / "seen-9").exists()


def test_ranks_of_two_versions_that_begin_at_once_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_scratch(tmp_path / "run" / "scratch")
    make_scratch(tmp_path / "run" / "scratch")
    monkeypatch.setattr(hashing, "probe", lambda: 7)
    with pytest.raises(UsageError, match="several versions of Polars"):
        make_scratch(tmp_path / "run" / "scratch")
    monkeypatch.undo()
    make_scratch(tmp_path / "run" / "scratch")


def test_what_was_finished_in_other_rounds_is_up_to_date(tmp_path: Path) -> None:
    dataset, stage = Dataset(tmp_path / "ds"), Toy(ToyConfig())
    run_stage(dataset, stage)
    folder = dataset.root / "runs" / "split" / stage.run_name({})
    (folder / "first").rename(folder / "former")
    assert run_stage(dataset, stage).up_to_date
    assert verify(dataset) == (4, [])
