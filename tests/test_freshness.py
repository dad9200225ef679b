"""Files that people edit in place: a mapping or a policy that says something else than when a stage was made by it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from m5tools.dataset import Dataset
from m5tools.dedup import CompareConfig
from m5tools.dedup.compare import Compare
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.errors import StaleError
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.stage import Fetch
from m5tools.freshness import changed, documents_of
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.resources import folder
from m5tools.stage import Input, StageConfig

from .engine.toy import Toy, ToyConfig

MAPPING = "source: mine\nformat: json_lines\nfields: {native_id: id, title: title}\n"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    file = tmp_path / "mine.yaml"
    file.write_text(MAPPING)
    return file


def _ingest(mapping: Path, crawl: str = "c1") -> Ingest:
    delivered = mapping.parent / f"{crawl}.jsonl"
    if not delivered.exists():
        delivered.write_text(json.dumps({"id": crawl, "title": "a", "name": "b"}) + "\n")
    return Ingest(IngestConfig(source="s", mapping=str(mapping), files=(str(delivered),), crawl_id=crawl))


def test_a_mapping_edited_since_is_noticed_by_what_reads_its_products(mapping: Path, tmp_path: Path) -> None:
    dataset, fetch = Dataset(tmp_path / "ds"), Fetch(FetchConfig())
    ingest = _ingest(mapping)
    run_stage(dataset, ingest)
    run_stage(dataset, fetch)
    mapping.write_text(MAPPING.replace("title: title", "title: name"))
    with pytest.raises(
        StaleError, match=rf"'ingest/c1' made by {mapping}, which says something else now; run: m5 ingest"
    ):
        run_stage(dataset, fetch)
    assert changed("fetch", dataset.manifest()["stages"]) == str(mapping)
    mapping.write_text(MAPPING.replace("title: title", "[not: a mapping"))
    with pytest.raises(StaleError, match="says something else now"):
        run_stage(dataset, fetch)
    mapping.write_text(MAPPING.replace("title: title", "title: name"))
    run_stage(dataset, Ingest(ingest.config))
    run_stage(dataset, fetch)


def test_other_words_for_the_same_are_no_change(mapping: Path, tmp_path: Path) -> None:
    dataset, fetch = Dataset(tmp_path / "ds"), Fetch(FetchConfig())
    run_stage(dataset, _ingest(mapping))
    mapping.write_text(
        "# of the shop\n" + MAPPING.replace("{native_id: id, title: title}", "\n  title: title\n  native_id: id")
    )
    run_stage(dataset, fetch)
    mapping.write_text(MAPPING + "license: CC0-1.0\n")  # declared about the source, nothing that is read by
    run_stage(dataset, fetch)
    mapping.write_text(MAPPING + "language: null\n")  # what it is anyhow
    with pytest.raises(StaleError):
        run_stage(dataset, fetch)
    assert run_stage(dataset, _ingest(mapping)).up_to_date
    run_stage(dataset, fetch)


def test_a_mapping_that_is_gone_is_told_once_and_refuses_nothing(mapping: Path, tmp_path: Path) -> None:
    dataset, told = Dataset(tmp_path / "ds"), []

    class Heard(Silent):
        def note(self, message: str) -> None:
            told.append(message)

    run_stage(dataset, _ingest(mapping))
    mapping.unlink()
    with Pool(0) as pool:
        engine = LocalEngine(pool, Heard())
        for _ in range(2):
            assert engine.run(dataset, Fetch(FetchConfig())).finished
    assert told == [f"ingest/c1 was made by {mapping}, which is not there now; what it made is taken as it is"]


def test_a_mapping_adapted_to_a_later_delivery_leaves_the_earlier_as_it_was(mapping: Path, tmp_path: Path) -> None:
    dataset, fetch = Dataset(tmp_path / "ds"), Fetch(FetchConfig())
    run_stage(dataset, _ingest(mapping))
    mapping.write_text(MAPPING.replace("title: title", "title: name"))
    run_stage(dataset, _ingest(mapping, "c2"))
    run_stage(dataset, fetch)
    mapping.write_text(MAPPING.replace("native_id: id, ", ""))
    with pytest.raises(StaleError):
        run_stage(dataset, fetch)


class Ruled(StageConfig):
    units: int = 2
    act: str = "write"
    folder: str = ""
    policy: str


@dataclass(frozen=True)
class Judge(Toy):
    """Made by a policy."""

    documents: ClassVar[dict[str, tuple[str, ...]]] = {"policy": ("about",)}

    config: Ruled  # type: ignore[assignment]


@dataclass(frozen=True)
class Reader(Toy):
    name: ClassVar[str] = "cut"
    writes: ClassVar[tuple[str, ...]] = ()

    def inputs(self) -> tuple[Input, ...]:
        return (Input("splits"),)


def test_only_files_are_noted_and_of_them_what_is_read(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("about: mine\nlimits: {1: 2026-01-01, x: [1, 2.5]}\n")
    dataset, judge = Dataset(tmp_path / "ds"), Judge(Ruled(policy=str(file)))
    run_stage(dataset, judge)
    noted = dataset.manifest()["stages"]["split"]["documents"]
    assert noted == documents_of(judge)
    assert noted["policy"]["unread"] == ["about"]
    file.write_text("about: yours\nlimits: {x: [1, 2.5], 1: 2026-01-01}\n")
    run_stage(dataset, Reader(ToyConfig()))
    file.write_text("about: yours\nlimits: {x: [1, 2.5], 1: 2026-01-02}\n")
    with pytest.raises(StaleError, match="run: m5 split"):
        run_stage(dataset, Reader(ToyConfig()))
    assert documents_of(Judge(Ruled(policy="default"))) == {}


def test_thresholds_of_duplicates_do_not_concern_the_comparisons(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    shipped = (folder("pipelines") / "policies" / "duplicates.yaml").read_text()
    file.write_text(shipped)
    before = documents_of(Compare(CompareConfig(policy=str(file))))
    file.write_text(shipped.replace("code_conflict: ", "code_conflict: 0"))
    assert documents_of(Compare(CompareConfig(policy=str(file)))) == before
    file.write_text(shipped.replace("window: ", "window: 1"))
    assert documents_of(Compare(CompareConfig(policy=str(file)))) != before
