"""Compaction changes which files there are and nothing that is read from them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from m5tools import atomic, bundles
from m5tools.audit.compare.sides import Side
from m5tools.dataset import Dataset, open_dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine import compaction
from m5tools.engine.compaction import Compacted, compact, leave
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.verify import verify
from m5tools.errors import StaleError, UsageError
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
from m5tools.generations import Generations
from m5tools.ingest.settle import known_versions
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.measure.stage import Measure, MeasureConfig
from m5tools.split import SplitConfig, SplitStage
from m5tools.stage import Stage
from m5tools.survey.stage import Survey, SurveyConfig
from m5tools.tag.stage import Tag, TagConfig

STAGES = ("ingest", "fetch", "survey", "measure", "tag", "compare", "dedup", "split")
CRAWLS = [f"shop-{number}" for number in range(1, 12)]  # in the order of reading 1, 10, 11, 2, 3 …


def _item(number: int, version: int) -> dict[str, Any]:
    return {
        "id": str(number),
        "title": f"Walnut desk lamp number {number}",
        "description": f"It stands on a desk and gives light. Version {version}.",
        "attributes": {"Height": f"{30 + number} cm", "Colour": "brown"},
        "images": [f"https://shop.invalid/{number}.jpg"],
        "price": str(10 + version),
    }


def _ingest(home: Path, crawl: str, version: int | None = None) -> Stage:
    """Six products a crawl: three that the crawl before has, changed, and three new ones."""
    number = int(crawl.removeprefix("shop-"))
    delivered = home / f"{crawl}-{version}.jsonl"
    if not delivered.exists():
        items = [_item(i, version or number) for i in range(3 * number, 3 * number + 6)]
        delivered.write_text("".join(json.dumps(item) + "\n" for item in items))
    config = IngestConfig(source="shop", mapping="synth", files=(str(delivered),), crawl_id=crawl)
    return Ingest(config)


def _rest() -> list[Stage]:
    measure = Measure(MeasureConfig(languages=False))
    judged = [Tag(TagConfig()), Compare(CompareConfig()), Dedup(DedupConfig()), SplitStage(SplitConfig())]
    return [Fetch(FetchConfig(download=False)), Survey(SurveyConfig()), measure, *judged]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where deliveries lie."""
    return tmp_path_factory.mktemp("in")


@pytest.fixture(scope="module")
def many(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of eleven small crawls, not to be changed."""
    root = tmp_path_factory.mktemp("many") / "ds"
    for crawl in CRAWLS:
        run_stage(Dataset(root), _ingest(home, crawl))
    return root


@pytest.fixture
def dataset(many: Path, tmp_path: Path) -> Dataset:
    return Dataset(shutil.copytree(many, tmp_path / "ds"))


def _said(dataset: Dataset) -> dict[str, pl.DataFrame]:
    """What each way of reading gives, order included."""
    crawls = ["shop-2", "shop-10", "shop-7"]
    said = {}
    for partition in range(dataset.partitions):
        for table in bundles.TABLES:
            said[f"{table} {partition}"] = dataset.read(table, partition=partition)
            said[f"{table} {partition} of some"] = dataset.of_crawls(table, crawls, partition).collect()
            side = Side("x", dataset, "shop-10")._partition(table, partition, {})
            said[f"{table} {partition} of one"] = side.collect()
        said[f"versions {partition}"] = known_versions(dataset, "shop-11", partition)
        known = Generations(dataset, "comparisons", None).known("shop-9", partition)
        said[f"known {partition}"] = known.to_frame()
    return said


def _assert_same(said: dict[str, pl.DataFrame], dataset: Dataset) -> None:
    now = _said(dataset)
    assert said.keys() == now.keys()
    assert [name for name in said if not said[name].equals(now[name])] == []
    assert any(said[f"products {i} of some"].height for i in range(dataset.partitions))


def _content(root: Path, *, bundled: bool = True) -> dict[str, bytes]:
    """Files without those of runs, and on request without the parts of the tables that are bundled."""
    files = {p.relative_to(root).as_posix(): p.read_bytes() for p in sorted(root.rglob("*")) if p.is_file()}
    tables = tuple(f"tables/{table}" for table in ("bundles.json", *bundles.TABLES))
    return {n: b for n, b in files.items() if not n.startswith("runs/") and (bundled or not n.startswith(tables))}


def test_what_is_read_stays_and_nothing_is_out_of_date(dataset: Dataset, home: Path) -> None:
    said, manifest = _said(dataset), dataset.manifest()
    parts = 4 * dataset.partitions
    assert compact(dataset, STAGES) == Compacted(crawls=11, bundles=1, before=11 * parts, after=parts)
    _assert_same(said, dataset)
    assert [len(dataset.parts(table)) for table in bundles.TABLES] == [dataset.partitions] * 4
    assert dataset.manifest() == manifest
    assert verify(dataset) == (verify(dataset)[0], [])
    for crawl in CRAWLS:
        assert run_stage(dataset, _ingest(home, crawl)).up_to_date
    assert compact(dataset, STAGES) == Compacted(0, 0, 0, 0)


@pytest.mark.slow
def test_later_crawls_and_all_that_follows_are_byte_for_byte_the_same(
    dataset: Dataset, home: Path, tmp_path: Path
) -> None:
    other = Dataset(shutil.copytree(dataset.root, tmp_path / "other"))
    for stage in _rest():
        run_stage(dataset, stage)
        run_stage(other, stage)
    compact(other, STAGES)
    for stage in _rest():
        assert run_stage(other, stage).up_to_date
    for one in (dataset, other):
        for stage in (_ingest(home, "shop-12"), *_rest()):  # between those that were bundled, in the order of reading
            run_stage(one, stage)
    _assert_same(_said(dataset), other)
    ours, theirs = (_content(one.root, bundled=False) for one in (dataset, other))
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if ours[name] != theirs[name] and name != "dataset.json"] == []
    assert dataset.manifest()["stages"].keys() == other.manifest()["stages"].keys()
    compact(other, STAGES)
    _assert_same(_said(dataset), other)
    assert verify(other)[1] == []


def test_a_part_holds_no_more_than_ingest_puts_into_one(dataset: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    said = _said(dataset)
    monkeypatch.setattr(compaction, "ROWS_A_PARTITION", 20 / dataset.partitions)
    done = compact(dataset, STAGES)
    assert (done.crawls, done.bundles) == (11, 4)
    assert [len(crawls) for crawls in bundles.read(dataset.root).values()] == [3, 3, 3, 2]
    _assert_same(said, dataset)


class _Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.mark.slow
@pytest.mark.parametrize("steps", [0, 5, 16, 17, 18, 20, 40])
def test_a_kill_at_any_step_changes_nothing_and_the_next_run_ends_the_same(
    steps: int, dataset: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Dataset(shutil.copytree(dataset.root, tmp_path / "other"))
    compact(other, STAGES)
    said, left = _said(dataset), [steps]

    def dying(done: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            if left[0] == 0:
                raise _Killed
            left[0] -= 1
            return done(*arguments, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Dataset, "write", dying(Dataset.write))  # sixteen parts
        patch.setattr(compaction.bundled, "write_note", dying(compaction.bundled.write_note))
        patch.setattr(
            compaction.atomic, "write_json", dying(compaction.atomic.write_json)
        )  # a lock a stage, the record
        patch.setattr(compaction.shutil, "rmtree", dying(shutil.rmtree))
        with pytest.raises(_Killed):
            compact(dataset, ())
    _assert_same(said, dataset)
    assert verify(dataset)[1] == []
    compact(dataset, STAGES)
    assert _content(dataset.root) == _content(other.root)
    assert verify(dataset)[1] == []


@pytest.mark.slow
def test_a_crawl_that_is_ingested_anew_leaves_its_bundle(dataset: Dataset, home: Path, tmp_path: Path) -> None:
    other = Dataset(shutil.copytree(dataset.root, tmp_path / "other"))
    compact(other, STAGES)
    for one in (dataset, other):
        for crawl, version in (("shop-5", 99), *((f"shop-{number}", None) for number in range(6, 12))):
            run_stage(one, _ingest(home, crawl, version))
    _assert_same(_said(dataset), other)
    assert verify(other)[1] == []
    assert list(bundles.read(other.root).values()) == [("shop-1", "shop-2", "shop-3", "shop-4")]
    run_stage(other, _ingest(home, "shop-4", 98))
    compact(other, STAGES)
    assert verify(other)[1] == []


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "flipped"])
def test_a_damaged_bundle_is_told_and_mended_by_ingesting_its_crawls(
    how: str, dataset: Dataset, home: Path, tmp_path: Path
) -> None:
    said = _said(dataset)
    compact(dataset, STAGES)
    part = dataset.parts("texts")[1]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data if how == "flipped" else data[:-1])
    faults = verify(dataset)[1]
    assert {fault.path for fault in faults} == {part.relative_to(dataset.root).as_posix()}
    assert "crawl_id=shop-1" in faults[0].remedy
    with Pool(0) as pool:
        engine = LocalEngine(pool, Silent(), refresh=True)
        with pytest.raises(StaleError, match="all of these are to be ingested again"):
            engine.run(dataset, _ingest(home, "shop-1"))
    with pytest.raises(StaleError, match=r"run: m5 ingest .*crawl_id=shop-1 .*--refresh"):
        run_stage(dataset, _ingest(home, "shop-2"))
    assert [*(dataset.root / "runs" / "ingest" / "shop-2").rglob("part-*.json")]
    for crawl in CRAWLS:
        run_stage(dataset, _ingest(home, crawl))
    _assert_same(said, dataset)
    assert verify(dataset)[1] == []


def test_what_is_damaged_is_not_merged(dataset: Dataset) -> None:
    part = dataset.parts("texts")[1]
    data = bytearray(part.read_bytes())
    data[len(data) // 2] ^= 1
    part.write_bytes(data)
    with pytest.raises(StaleError, match=r"of other content; run: m5 ingest"):
        compact(dataset, STAGES)
    assert bundles.read(dataset.root) == {}


def test_a_crawl_that_did_not_come_to_its_end_is_left_alone(dataset: Dataset) -> None:
    with dataset.changing() as manifest:
        del manifest["stages"]["ingest/shop-3"]
    assert compact(dataset, STAGES).crawls == 10
    assert (dataset.folder("products") / "shop-3").is_dir()


def test_it_does_not_run_beside_a_stage(dataset: Dataset) -> None:
    lock = dataset.root / "runs" / "survey" / ".lock-0"
    lock.parent.mkdir()
    # The parent of this process certainly lives and is not this one.
    lock.write_text(json.dumps({"pid": os.getppid(), "host": os.uname().nodename, "run": "survey x"}))
    with pytest.raises(UsageError, match="another run"):
        compact(dataset, STAGES)


def test_bundles_without_their_record_are_kept(dataset: Dataset) -> None:
    compact(dataset, STAGES)
    record = dataset.root / bundles.RECORD
    told = record.read_bytes()
    record.unlink()
    compact(dataset, STAGES)
    record.write_text("{")
    with pytest.raises(UsageError, match=r"bundles\.json is damaged"):
        dataset.read("products")
    record.write_bytes(told)
    assert verify(dataset)[1] == []


@pytest.mark.parametrize("name", ["{outside}", "../../victim", "victim", "a/../+", "+\0", "x+00000000"])
def test_a_record_that_leads_elsewhere_removes_nothing(dataset: Dataset, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim+"
    victim.mkdir()
    (dataset.root / bundles.RECORD).write_text(json.dumps({name.format(outside=victim): ["shop-1"]}))
    with pytest.raises(UsageError, match=r"bundles\.json is damaged .* is no name of a bundle"):
        leave(dataset, [dataset.folder("products") / "shop-1"])
    assert victim.is_dir()


def test_what_a_killed_compaction_was_about_to_write_goes_with_the_next(dataset: Dataset) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    record = dataset.root / bundles.RECORD
    left = record.with_name(f"{atomic.TEMPORARY}{dead.pid}@{os.uname().nodename}@{record.name}")
    left.write_text("{")
    compact(dataset, STAGES)
    assert not left.exists()


def test_a_bundle_of_which_nothing_is_there_is_told_and_hides_no_crawl(dataset: Dataset, home: Path) -> None:
    said = _said(dataset)
    name = bundles.name_of(["shop-1", "shop-2"])
    atomic.write_json(dataset.root / bundles.RECORD, {name: ["shop-1", "shop-2"]})
    faults = verify(dataset)[1]
    assert f"tables/products/{name}/part-00000.parquet" in {fault.path for fault in faults}
    assert {fault.what for fault in faults} == {"missing"}
    assert {"shop-1" in fault.remedy or "shop-2" in fault.remedy for fault in faults} == {True}
    with pytest.raises(
        UsageError, match=r"the parts of the bundle 'shop-1\+.*' are missing; restore them, or run what"
    ):
        open_dataset(dataset.root)
    with pytest.raises(StaleError, match="missing; run: m5 ingest"):
        run_stage(dataset, Fetch(FetchConfig(download=False)))
    with pytest.raises(UsageError, match="are missing; restore them"):
        compact(dataset, STAGES)
    with pytest.raises(StaleError, match="all of these are to be ingested again"):
        run_stage(dataset, _ingest(home, "shop-1"))
    for crawl in CRAWLS:
        run_stage(dataset, _ingest(home, crawl))
    _assert_same(said, dataset)
    assert verify(dataset)[1] == []


def test_a_bundle_in_place_of_whole_parts_is_compared(dataset: Dataset, tmp_path: Path) -> None:
    before = shutil.copytree(dataset.root / "tables", tmp_path / "tables")
    compact(dataset, STAGES)
    shutil.copytree(before, dataset.root / "tables", dirs_exist_ok=True)
    assert verify(dataset)[1] == []
    part = dataset.parts("texts")[1]
    part.write_bytes(part.read_bytes()[:-1])
    assert {fault.path for fault in verify(dataset)[1]} == {part.relative_to(dataset.root).as_posix()}
    note = next((dataset.root / "runs" / "compact").glob("*.json"))
    note.unlink()
    assert any(fault.what.endswith(f"{note.name} does not tell of it") for fault in verify(dataset)[1])


def test_a_bundle_whose_table_is_gone_is_not_read_without_it(dataset: Dataset) -> None:
    compact(dataset, STAGES)
    open_dataset(dataset.root)
    shutil.rmtree(dataset.parts("attributes")[0].parent)
    with pytest.raises(UsageError, match="are missing"):
        open_dataset(dataset.root)
