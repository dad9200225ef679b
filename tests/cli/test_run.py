"""`m5 run`: recipes, `--set`, `--limit`, `--dry-run`, `--log-json`."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

import m5tools
from m5tools import documents, pipeline, resources
from m5tools.cut import Selection
from m5tools.dedup.policy import DuplicatePolicy
from m5tools.ingest.mapping import Mapping
from m5tools.tag.policy import Policy

from .conftest import M5

RECIPES = sorted(p.stem for p in resources.folder("pipelines").glob("*.yaml"))
INGEST_ONLY = """dataset: {dataset}
stages:
  - stage: ingest
    sources: [{{source: shop, mapping: synth, files: ["{crawl}/*.jsonl"], media_root: "{crawl}"}}]
"""


@pytest.fixture
def recipe(crawl: Path, tmp_path: Path) -> Path:
    """A pipeline of one stage."""
    file = tmp_path / "recipe.yaml"
    file.write_text(INGEST_ONLY.format(dataset=tmp_path / "dataset", crawl=crawl))
    return file


@pytest.mark.parametrize("name", RECIPES)
def test_every_shipped_recipe_is_valid(name: str) -> None:
    found, path = pipeline.load(name)
    assert found.about, f"{path} says in a line what it does"
    assert len(list(found.stage_runs())) >= 9


def test_every_shipped_document_is_valid() -> None:
    home = resources.folder("pipelines")
    for cut in (home / "cuts").glob("*.yaml"):
        documents.load(cut, Selection)
    for policy in (home / "policies").glob("*.yaml"):
        documents.load(policy, DuplicatePolicy if policy.stem == "duplicates" else Policy)
    for mapping in (resources.folder("schemas") / "sources").glob("*.yaml"):
        documents.load(mapping, Mapping)


def test_set_reaches_into_lists_and_objects(m5: M5, recipe: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    said = m5("run", recipe, "--set", f"dataset={elsewhere}", "--set", "ingest.sources.0.source=market", "-w", 0)
    assert said.code == 0, said.err
    assert not (tmp_path / "dataset").exists()
    assert set(m5tools.open(elsewhere).read("products")["source"]) == {"market"}


def test_an_unknown_key_is_told_with_file_and_line(m5: M5, recipe: Path) -> None:
    recipe.write_text(recipe.read_text() + "  - stage: tag\n    polcy: default\n")
    line = recipe.read_text().splitlines().index("    polcy: default") + 1
    said = m5("run", recipe)
    assert said.code == 2
    assert f"{recipe}:{line}:" in said.err
    assert "polcy" in said.err


@pytest.mark.parametrize("limit", [1, 20, 37])
def test_a_limit_takes_exactly_so_many_products_into_a_dataset_of_its_own(
    m5: M5, recipe: Path, tmp_path: Path, limit: int
) -> None:
    """The crawl repeats ids, so the sample must be drawn from products, not from rows."""
    said = m5("run", recipe, "--limit", limit, "-w", 0)
    assert said.code == 0, said.err
    assert not (tmp_path / "dataset").exists()
    sample = m5tools.open(tmp_path / f"dataset-limit-{limit}")
    assert sample.read("products").height == limit
    counts = sample.manifest()["stages"]["ingest/shop-1"]["counts"]
    assert counts["rows"] == sum(counts[kind] for kind in ("new", "updated", "unchanged", "rejects", "left_out"))


def test_another_seed_draws_another_sample(m5: M5, recipe: Path, tmp_path: Path) -> None:
    drawn = []
    for seed in (0, 0, 1):
        m5("run", recipe, "--limit", 12, "--seed", seed, "-w", 0)
        drawn.append(m5tools.open(tmp_path / "dataset-limit-12").read("products")["product_id"].to_list())
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize("options", [(), ("--limit", "5")])
def test_a_dry_run_tells_units_time_and_disk_and_does_nothing(
    m5: M5, on_crawl: list[str], tmp_path: Path, options: tuple[str, ...]
) -> None:
    said = m5("run", "demo", *on_crawl, "--dry-run", *options)
    assert said.code == 0, said.err
    assert {"units", "estimated", "disk"} <= set(said.out.split())
    for stage in ("ingest/shop-1", "fetch", "measure", "shard/default"):
        assert stage in said.out
    assert list(tmp_path.iterdir()) == []


def test_log_json_tells_every_event_as_a_json_line(m5: M5, recipe: Path) -> None:
    said = m5("run", recipe, "--log-json", "-w", 0)
    assert said.code == 0
    events = [json.loads(text) for text in said.err.splitlines()]
    assert {event["event"] for event in events} == {"round_started", "unit_done", "stage_done"}
    ended = [event for event in events if event["event"] == "stage_done"]
    assert [event["entry"] for event in ended] == ["ingest/shop-1"]
    assert ended[0]["counts"]["rows"] > 40
    again = m5("run", recipe, "--log-json", "-w", 0)
    assert [json.loads(text)["up_to_date"] for text in again.err.splitlines()] == [True]


def test_a_time_limit_stops_and_the_same_command_goes_on(m5: M5, recipe: Path, tmp_path: Path) -> None:
    stopped = m5("run", recipe, "--until", "0s", "-w", 0)
    assert stopped.code == 0
    assert "run the same command to go on" in stopped.err
    assert m5("run", recipe, "-w", 0).code == 0
    assert m5tools.open(tmp_path / "dataset").products.select(pl.len()).collect().item() == 40
