"""`m5 check` beside stages that begin, end or are done anew: it tells nothing of them that is not so."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from m5tools.dataset import Dataset
from m5tools.engine import verify as checking
from m5tools.engine.compaction import compact
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.verify import verify
from m5tools.ingest.stage import Ingest, IngestConfig

from .toy import Toy, ToyConfig

Beside = Callable[[str, Callable[[], object]], None]


def ingest(home: Path, crawl: str, items: int = 6) -> Ingest:
    delivered = home / f"{crawl}-{items}.jsonl"
    rows = [{"id": f"{crawl} {i}", "title": f"Desk lamp {i} of {crawl}"} for i in range(items)]
    delivered.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return Ingest(IngestConfig(source="shop", mapping="synth", files=(str(delivered),), crawl_id=crawl))


def again(dataset: Dataset, stage: Any) -> None:
    with Pool(0) as pool:
        LocalEngine(pool, Silent(), refresh=True).run(dataset, stage)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    made = Dataset(tmp_path / "ds")
    run_stage(made, ingest(tmp_path, "one"))
    return made


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch) -> Beside:
    """Do something when a step of the check begins, once."""

    def arrange(step: str, act: Callable[[], object]) -> None:
        original, left = getattr(checking, step), [act]

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if left:
                left.pop()()
            return original(*args, **kwargs)

        monkeypatch.setattr(checking, step, wrapped)

    return arrange


STEPS = ["_recorded", "_markers_in", "_of_files", "_strays", "_in_bundles", "begun", "_unlisted"]


@pytest.mark.parametrize("step", STEPS)
def test_an_ingest_that_ends_during_the_check_leaves_no_strays(
    dataset: Dataset, tmp_path: Path, beside: Beside, step: str
) -> None:
    beside(step, lambda: run_stage(dataset, ingest(tmp_path, "two")))
    assert verify(dataset)[1] == []
    assert "ingest/two" in dataset.manifest()["stages"]
    assert verify(dataset)[1] == []


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("items", [6, 7])
def test_an_ingest_that_is_done_anew_during_the_check_is_no_fault(
    dataset: Dataset, tmp_path: Path, beside: Beside, step: str, items: int
) -> None:
    """To the same bytes, and to others."""
    beside(step, lambda: again(dataset, ingest(tmp_path, "one", items)))
    assert verify(dataset)[1] == []
    assert verify(dataset)[1] == []


@pytest.mark.parametrize("step", STEPS)
def test_an_entry_that_goes_with_its_markers_during_the_check_is_no_fault(
    dataset: Dataset, beside: Beside, step: str
) -> None:
    """As far as a run that does it anew has come when it is killed."""
    run_stage(dataset, Toy(ToyConfig()))

    def forget() -> None:
        with dataset.changing() as manifest:
            run = manifest["stages"].pop("split")["run"]
        shutil.rmtree(dataset.root / "runs" / "split" / run)
        next((dataset.root / "splits").rglob("*.parquet")).unlink()

    beside(step, forget)
    assert verify(dataset)[1] == []


def test_markers_that_vanish_while_they_are_read_are_no_traceback(
    dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = checking._markers_in

    def vanishing(home: Path) -> Iterator[Path]:
        for marker in listed(home):
            marker.unlink()
            yield marker

    monkeypatch.setattr(checking, "_markers_in", vanishing)
    told = [fault.what for fault in verify(dataset)[1] if fault.path == "runs/ingest/one"]
    assert told == ["its completion markers are not those that dataset.json tells of"]


def test_what_is_wrong_with_others_is_told_all_the_same(dataset: Dataset, tmp_path: Path, beside: Beside) -> None:
    parts = dataset.parts("products")
    stray = parts[0].with_name("part-00099.parquet")
    shutil.copy(parts[0], stray)
    parts[1].write_bytes(b"")
    beside("_of_files", lambda: run_stage(dataset, Toy(ToyConfig())))
    told = {(fault.path, fault.what) for fault in verify(dataset)[1]}
    assert told == {
        (parts[1].relative_to(dataset.root).as_posix(), "of another size"),
        (stray.relative_to(dataset.root).as_posix(), "no finished stage wrote it"),
    }


@pytest.mark.parametrize("step", STEPS)
def test_a_compaction_during_the_check_leaves_no_strays(
    dataset: Dataset, tmp_path: Path, beside: Beside, step: str
) -> None:
    run_stage(dataset, ingest(tmp_path, "two"))
    beside(step, lambda: compact(dataset, ["ingest", "fetch"]))
    assert verify(dataset)[1] == []
    assert (dataset.root / "tables" / "bundles.json").is_file()


@pytest.mark.parametrize(
    ("file", "entry"),
    [
        ("other/train-000000.tar", "shard/other"),
        ("other/overlays/new/overlay.json", "overlay/other/new"),
        ("other/index/train-000000.parquet", "shard/other"),
    ],
)
def test_files_of_shards_that_no_stage_wrote_are_strays(dataset: Dataset, file: str, entry: str) -> None:
    stray = dataset.root / "shards" / file
    stray.parent.mkdir(parents=True)
    stray.write_text("{}")
    (stray.parent / ".cache").touch()
    told = [(fault.path, fault.what, fault.remedy) for fault in verify(dataset)[1]]
    assert told == [(f"shards/{file}", "no finished stage wrote it", f"rm {stray}")]
    (dataset.root / "runs" / entry / "0123456789abcdef").mkdir(parents=True)
    assert verify(dataset)[1] == [], "a run that may be writing it is under way"


def test_shards_that_are_begun_during_the_check_leaves_no_strays(dataset: Dataset, beside: Beside) -> None:
    def begin() -> None:
        (dataset.root / "runs" / "shard" / "new" / "0123456789abcdef").mkdir(parents=True)
        (dataset.root / "shards" / "new").mkdir(parents=True)
        (dataset.root / "shards" / "new" / "train-000000.tar").touch()

    beside("foreign", begin)
    assert verify(dataset)[1] == []
