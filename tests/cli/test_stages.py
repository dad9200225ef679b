"""The stage commands: their settings, stale inputs, failed items."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import m5tools
from m5tools import resources

from .conftest import M5


@pytest.fixture
def copy(shop: Path, tmp_path: Path) -> Path:
    """A curated dataset to change."""
    return Path(shutil.copytree(shop / "dataset", tmp_path / "dataset"))


def ingest(crawl: Path, *changes: str) -> list[str]:
    sets = ("source=shop", "mapping=synth", f"files={crawl}/*.jsonl", f"media_root={crawl}", *changes)
    return ["ingest", *(word for change in sets for word in ("--set", change)), "-w", "0"]


def test_a_stage_alone_does_what_it_does_in_a_pipeline(m5: M5, shop: Path, crawl: Path, tmp_path: Path) -> None:
    said = m5(*ingest(crawl), "-d", tmp_path / "alone")
    assert said.code == 0, said.err
    assert m5tools.open(tmp_path / "alone").read("products").equals(m5tools.open(shop / "dataset").read("products"))


def test_a_missing_input_names_the_command_to_run(m5: M5, crawl: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "alone"
    m5(*ingest(crawl), "-d", dataset)
    said = m5("measure", "-d", dataset, "-w", 0)
    assert said.code == 2
    assert f"run: m5 fetch --dataset {dataset}" in said.err or f"run: m5 survey --dataset {dataset}" in said.err


def test_a_stale_input_names_the_command_to_run(m5: M5, copy: Path, crawl: Path) -> None:
    assert m5(*ingest(crawl, "limit=10"), "-d", copy).code == 0
    said = m5("shard", "-d", copy, "-w", 0)
    assert said.code == 2
    assert "out of date" in said.err
    assert f"--dataset {copy}" in said.err
    assert said.err.count("\n") == 1
    assert "out of date" in m5("status", "-d", copy).out


def test_up_to_date_is_not_done_again_unless_asked(m5: M5, copy: Path) -> None:
    assert "up to date" in m5("tag", "-d", copy, "-w", 0).err
    assert "done in" in m5("tag", "-d", copy, "--refresh", "-w", 0).err


def test_settings_of_one_stage_out_of_a_pipeline_file(m5: M5, copy: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(f"dataset: {copy}\nstages:\n  - stage: cut\n    cut: any\n")
    said = m5("cut", "-d", copy, "--config", recipe, "-w", 0)
    assert said.code == 0, said.err
    assert (copy / "cuts" / "any" / "cut.json").is_file()


def test_too_many_failed_items_exit_1(m5: M5, copy: Path) -> None:
    failed = m5tools.open(copy).manifest()["stages"]["fetch"]["counts"]["failed"]
    assert failed > 0, "the crawl lists files that are not there"
    said = m5("fetch", "-d", copy, "--refresh", "--max-failed-share", 0, "-w", 0)
    assert said.code == 1
    assert "--max-failed-share" in said.err
    assert said.err.count("\n") == 1


def test_a_stage_does_not_read_half_of_a_table(m5: M5, copy: Path) -> None:
    lost = sorted((copy / "tables" / "products").rglob("*.parquet"))[0]
    lost.unlink()
    said = m5("tag", "-d", copy, "--refresh", "-w", 0)
    assert said.code == 2
    assert str(lost) in said.err
    assert "--set source=shop" in said.err, "the remedy is a command that runs as it stands"
    assert said.err.count("\n") == 1


def test_a_half_deleted_shard_folder_is_written_again(m5: M5, copy: Path) -> None:
    folder = copy / "shards" / "default"
    for file in (*folder.glob("*.tar"), *folder.glob("index/*")):
        file.unlink()
    assert "doing the stage again" in m5("shard", "-d", copy, "-w", 0).err
    assert m5("check", folder).code == 0
    assert "up to date" in m5("shard", "-d", copy, "-w", 0).err


def test_the_command_that_mends_keeps_the_settings(m5: M5, copy: Path, crawl: Path, tmp_path: Path) -> None:
    policy = tmp_path / "my.yaml"
    policy.write_text((resources.folder("pipelines") / "policies" / "default.yaml").read_text())
    assert m5("tag", "-d", copy, "--set", f"policy={policy}", "-w", 0).code == 0
    assert m5(*ingest(crawl, "limit=10"), "-d", copy).code == 0
    said = m5("cut", "-d", copy, "-w", 0)
    assert "out of date" in said.err
    assert f"next: m5 tag --dataset {copy} --set policy={policy}" in m5("status", "-d", copy).out


def test_a_mapping_that_fits_no_row_is_told(m5: M5, tmp_path: Path) -> None:
    file = tmp_path / "export.csv"
    file.write_text("a,b\n1,2\n")
    sets = ("source=s", "mapping=synth", f"files={file}")
    said = m5("ingest", "-d", tmp_path / "new", *(w for s in sets for w in ("--set", s)), "-w", 0)
    assert said.code == 0
    assert f"every row was rejected; does the mapping 'synth' (format json_lines) fit? see: m5 sniff {file}" in said.err


def test_media_that_is_nowhere_is_told(m5: M5, crawl: Path, tmp_path: Path) -> None:
    assert m5(*ingest(crawl, f"media_root={tmp_path}"), "-d", tmp_path / "new").code == 0
    assert "check the media_root" in m5("fetch", "-d", tmp_path / "new", "-w", 0).err
