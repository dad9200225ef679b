"""What a dry run says a pipeline would cost."""

from __future__ import annotations

import json
import stat
import zipfile
from pathlib import Path
from typing import get_args

import pytest

from m5tools.cli.estimate import RATES, SIZES, size_of
from m5tools.ingest.stage import Ingest, IngestConfig
from m5tools.pipeline import Step
from m5tools.registry import StageName

from .conftest import M5


def records(rows: int) -> str:
    return "".join(
        json.dumps({"id": str(i), "title": f"Lamp {i:04d}", "images": ["a.png", "b.png"], "videos": ["c.mp4"]}) + "\n"
        for i in range(rows)
    )


def stage(file: Path, **more: object) -> Ingest:
    return Ingest(IngestConfig.model_validate({"source": "s", "mapping": "synth", "files": str(file), **more}))


@pytest.mark.parametrize("rows", [7, 2_000])
def test_rows_and_media_are_close_to_what_there_is(tmp_path: Path, rows: int) -> None:
    file = tmp_path / "crawl.jsonl"
    file.write_text(records(rows))
    size = size_of(stage(file))
    assert size.rows == pytest.approx(rows, rel=0.05)
    assert size.images == pytest.approx(2 * rows, rel=0.05)
    assert size.videos == pytest.approx(rows, rel=0.05)
    assert not size.remote


def test_a_limit_bounds_the_estimate(tmp_path: Path) -> None:
    file = tmp_path / "crawl.jsonl"
    file.write_text(records(500))
    assert size_of(stage(file, limit=20)).rows == 20


def test_a_zip_is_judged_by_what_it_holds_not_by_its_size(tmp_path: Path) -> None:
    file = tmp_path / "crawl.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("crawl.jsonl", records(2_000))
    assert size_of(stage(file)).rows == pytest.approx(2_000, rel=0.05)


def test_a_first_member_that_is_empty_or_refused_says_nothing_of_the_others(tmp_path: Path) -> None:
    file = tmp_path / "crawl.zip"
    link = zipfile.ZipInfo("b.jsonl")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.jsonl", "")
        archive.writestr(link, "/etc/passwd")
        archive.writestr("c.jsonl", records(2_000))
    assert size_of(stage(file)).rows == pytest.approx(2_000, rel=0.05)


def test_every_stage_that_a_recipe_may_hold_has_a_rate() -> None:
    steps = {get_args(step.model_fields["stage"].annotation)[0] for step in get_args(get_args(Step)[0])}
    assert steps - {"audit"} == set(RATES) == set(get_args(StageName))
    assert set(SIZES) <= set(RATES)


OVERLAID = """dataset: {folder}/dataset
stages:
  - stage: ingest
    sources: [{{source: shop, mapping: synth, files: ["{folder}/crawl.jsonl"]}}]
  - {{stage: shard}}
  - {{stage: overlay, name: later, {brings}}}
"""


@pytest.mark.parametrize(
    ("brings", "time", "disk", "note"),
    [
        ("cut: default", "3 min", "500 MB", False),
        ("cut: default, modalities: [image]", "12 s", "60 MB", False),
        ("policy: default", "0 s", "small", False),
        ("model: some/model", "0 s", "small", True),
    ],
)
def test_an_overlay_costs_what_it_brings(m5: M5, tmp_path: Path, brings: str, time: str, disk: str, note: bool) -> None:
    (tmp_path / "crawl.jsonl").write_text(records(2_000))
    (tmp_path / "recipe.yaml").write_text(OVERLAID.format(folder=tmp_path, brings=brings))
    said = m5("run", tmp_path / "recipe.yaml", "--dry-run", "-w", 1)
    assert said.code == 0, said.err
    (line,) = (line for line in said.out.splitlines() if "overlay" in line and "known when reached" in line)
    assert line.partition("known when reached")[2].split() == [*time.split(), *disk.split()]
    assert ("an overlay's model" in said.out) == note
