from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from m5tools.cli import training
from m5tools.cli.learn import need_torch
from m5tools.errors import UsageError
from m5tools.loader.bench import Rates, Stage

from .conftest import M5


@pytest.mark.parametrize("missing", ["torch", "tokenizers"])
def test_what_training_lacks_is_named_with_the_remedy(monkeypatch: pytest.MonkeyPatch, missing: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else find(name))
    with pytest.raises(UsageError, match=rf"needs {missing}; install it with: pip install 'm5tools\[train\]'"):
        need_torch()


def test_bench_loader_prints_every_stage_and_how_far_the_ceiling_is(m5: M5, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def measure(shards: str, **options: Any) -> Rates:
        asked.update(options, shards=shards)
        stages = (Stage("decode", 250.0, 1100.0), Stage("whole", 180.0, None), Stage("ceiling", 200.0, 1000.0))
        return Rates(64, 2, 12_345.0, 1, 1, 2, 4, 0.5, stages)

    monkeypatch.setattr(training.bench, "measure", measure)
    said = m5("bench-loader", "s3://bucket/shards", "--batch-size", "32", "--modalities", "image,text")
    assert said.code == 0
    assert "12.3 kB each, 1 unreadable; 1 workers × 2 threads" in said.out
    assert "90% of the ceiling" in said.out
    assert asked["shards"] == "s3://bucket/shards"
    assert (asked["global_batch_size"], asked["modalities"], asked["threads"]) == (32, ("image", "text"), None)
    told = json.loads(m5("bench-loader", "shards", "--json").out)
    assert told["share"] == 0.9
    assert told["stages"][1] == {"name": "whole", "samples_per_s": 180.0, "processor_us": None}


def test_bench_loader_names_what_is_no_shard_folder(m5: M5) -> None:
    said = m5("bench-loader", "nowhere")
    assert said.code == 2
    assert "nowhere is not a shard folder" in said.err


def test_train_names_settings_that_it_does_not_know(m5: M5, tmp_path: Path) -> None:
    said = m5("train", "shards", "--set", "batch_sise=3")
    assert said.code == 2
    assert "--set batch_sise=3: there is no setting 'batch_sise'; did you mean batch_size" in said.err
    recipe = tmp_path / "train.yaml"
    recipe.write_text("steps: 3\nlearning_rate: 0.1\n")
    said = m5("train", "shards", "--config", str(recipe))
    assert said.code == 2
    assert f"{recipe}:2: there is no setting 'learning_rate'; " in said.err
    said = m5("train", "shards", "--set", "steps=0")
    assert (said.code, "greater than or equal to 1" in said.err) == (2, True)
