"""Stages by name: every one is there, and one alone is loaded."""

from __future__ import annotations

import subprocess
import sys
from typing import get_args

import pytest

from m5tools.cli.stages import ABOUT
from m5tools.pipeline import Pipeline
from m5tools.registry import StageName, build, config_of, stage_of
from m5tools.stage import Stage, StageConfig

from .conftest import REPOSITORY

NAMES: tuple[StageName, ...] = get_args(StageName)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_gives_a_stage_and_its_settings(name: StageName) -> None:
    assert issubclass(stage_of(name), Stage)
    assert stage_of(name).name == name
    assert issubclass(config_of(name), StageConfig)


def test_commands_and_recipes_know_the_same_stages() -> None:
    steps = Pipeline.model_json_schema()["$defs"]
    known = {step["properties"]["stage"]["const"] for name, step in steps.items() if name.endswith("Step")}
    assert set(ABOUT) == set(NAMES) == known - {"audit"}


def test_settings_make_a_stage() -> None:
    assert build("shard", {"name": "small"}).config.model_dump()["name"] == "small"


def test_a_command_loads_its_own_stage_alone() -> None:
    """Loading them all takes longer than writing ten thousand pictures."""
    program = """
import sys
from m5tools.cli.settings import stage_runs
stage_runs("shard", None, ("media=untouched",))
print(*sorted(name for name in sys.modules if name.startswith("m5tools.")))
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, cwd=REPOSITORY)
    floors = {name.split(".")[1] for name in said.stdout.split()}
    assert "shards" in floors
    assert not floors & {"pipeline", "ingest", "fetch", "survey", "measure", "tag", "dedup", "split", "cut"}
