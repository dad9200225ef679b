from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from m5tools.cli import training
from m5tools.cli.learn import need_torch
from m5tools.errors import UsageError
from m5tools.loader.bench import Rates, Stage
from m5tools.scale import embedding_files
from m5tools.scale.checkpoint import load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embedding_files import write_embeddings
from m5tools.scale.train import train
from m5tools.tasks.report import Evaluation

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


@pytest.mark.parametrize("command", [("train",), ("evaluate", "run"), ("embed", "run", "--out", "vectors")])
def test_what_is_no_shard_folder_is_named(
    m5: M5, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.chdir(run.parent)
    told = ("--out", tmp_path / "new") if command == ("train",) else ()
    said = m5(*command, tmp_path / "nowhere", *told)
    assert said.code == 2
    assert f"{tmp_path / 'nowhere'} is not a shard folder" in said.err


@pytest.mark.parametrize("place", ["s3://bucket/o", "https://host.org/o", "file:///tmp/o"])
@pytest.mark.parametrize("command", [("train", "shards"), ("embed", "run", "shards"), ("study", "small.yaml")])
def test_a_place_that_is_an_address_is_named_as_it_was_given(
    m5: M5, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], place: str
) -> None:
    monkeypatch.chdir(tmp_path)
    said = m5(*command, "--out", place)
    assert said.code == 2
    assert f"in folders of this machine, not at {place}; name one" in said.err
    assert not list(tmp_path.iterdir())


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
    assert (said.code, "--set steps=0: Input should be greater than or equal to 1" in said.err) == (2, True)
    recipe.write_text("seed: 1\nsteps: 0\n")
    assert f"{recipe}:2: steps: Input should be greater" in m5("train", "shards", "--config", str(recipe)).err
    # The change counts, not the line that it replaces.
    both = m5("train", "shards", "--config", str(recipe), "--set", "steps=-1").err
    assert "--set steps=-1: Input should be greater" in both
    assert str(recipe) not in both


@pytest.fixture(scope="module")
def run(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that was trained for a moment."""
    out = tmp_path_factory.mktemp("learned") / "run"
    train(TrainConfig(shards=str(shop / "dataset" / "shards" / "default"), out=out, steps=2, batch_size=8))
    return out


def test_words_and_shape_are_settings_of_train_and_travel_with_the_run(
    m5: M5, shop: Path, run: Path, tmp_path: Path
) -> None:
    shards, out = shop / "dataset" / "shards" / "default", tmp_path / "run"
    words = tmp_path / "words.json"
    words.write_text(load(run).tokenizer.to_json())
    recipe = tmp_path / "train.yaml"
    recipe.write_text(f"steps: 2\nbatch_size: 8\nmissing: zeros\nmasked_heads: unimodal\ntokenizer: {words}\n")
    said = m5("train", shards, "--out", out, "--config", recipe, "--set", "modality_dropout=0.2")
    assert said.code == 0, said.err
    shape = load(out).model.config
    assert (shape.missing, shape.masked_heads, shape.modality_dropout) == ("zeros", "unimodal", 0.2)
    said = m5("train", shards, "--out", out, "--config", recipe, "--set", "masked_heads=joint")
    assert said.code == 2
    assert "was trained with another masked_heads, modality_dropout; choose another folder" in said.err
    words.unlink()
    said = m5("embed", out, shards, "--split", "test", "--out", tmp_path / "vectors")
    assert said.code == 0, said.err
    said = m5("train", shards, "--out", tmp_path / "new", "--config", recipe)
    assert (said.code, f"no tokenizer at {words}; name a tokenizer.json" in said.err) == (2, True)
    said = m5("train", shards, "--out", tmp_path / "new", "--set", "missing=zeroes")
    assert (said.code, "--set missing=zeroes: " in said.err) == (2, True)


def test_evaluate_prints_the_tasks_and_writes_figures_and_page(m5: M5, shop: Path, run: Path, tmp_path: Path) -> None:
    shards = shop / "dataset" / "shards" / "default"
    brief = ("--set", "bootstraps=20", "--set", "cluster_runs=1", "--set", "fine_tune_epochs=1", "--set", "roles=false")
    said = m5("evaluate", run, shards, "--split", "val,test", "--out", tmp_path, *brief)
    assert said.code == 0, said.err
    for title in ("Fine retrieval: same product", "Coarse retrieval: same category", "Classification", "Clustering"):
        assert title in said.out
    assert "embedding test: 1/1" in said.err
    found = Evaluation.model_validate_json((tmp_path / "evaluation.json").read_bytes())
    assert found.config.splits == ("val", "test")
    assert found.config.bootstraps == 20
    page = (tmp_path / "evaluation.md").read_text()
    assert found.model in page
    assert "as the released evaluator counts" in page
    assert "by combination of modalities" in page
    other = m5("evaluate", run, shards, "--out", tmp_path / "figures.json", *brief, "--set", "combinations=false")
    assert other.code == 0, other.err
    assert (tmp_path / "figures.json").is_file()
    assert (tmp_path / "figures.md").is_file()


def test_a_wrong_setting_of_evaluate_is_named(m5: M5, shop: Path, run: Path, tmp_path: Path) -> None:
    shards = shop / "dataset" / "shards" / "default"
    said = m5("evaluate", run, shards, "--set", "bootstrap=3")
    assert said.code == 2
    assert "--set bootstrap=3: there is no setting 'bootstrap'; did you mean bootstraps" in said.err
    recipe = tmp_path / "evaluate.yaml"
    recipe.write_text("bootstraps: 10\n")
    said = m5("evaluate", run, shards, "--config", recipe, "--set", "splits=val")
    assert (said.code, said.err) == (2, "m5: --set splits=val: should be a list, such as [val]\n")
    recipe.write_text("bootstraps: 10\nsplits: val\n")
    said = m5("evaluate", run, shards, "--config", recipe)
    assert (said.code, f"{recipe}:2: splits" in said.err) == (2, True)


def test_embed_writes_a_table_of_the_dataset_and_goes_on(m5: M5, shop: Path, run: Path, tmp_path: Path) -> None:
    shards = shop / "dataset" / "shards" / "default"
    said = m5("embed", run, shards, "--split", "val,test", "--out", tmp_path / "vectors")
    assert said.code == 0, said.err
    assert "products left out; network " in said.out
    files = {file.name: file.read_bytes() for file in (tmp_path / "vectors").iterdir()}
    assert set(files) == {"embeddings.json", "val-00000.parquet", "test-00000.parquet"}
    assert m5("embed", run, shards, "--split", "val,test", "--out", tmp_path / "vectors").code == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "vectors").iterdir()} == files
    said = m5("embed", run, shards, "--out", tmp_path / "vectors")
    assert said.code == 2
    assert "holds vectors of --split val,test, not of train,val,test, and a folder is one choice" in said.err
    assert "another --name" in said.err
    alone = shutil.copytree(shards, tmp_path / "shards")
    said = m5("embed", run, alone)
    assert said.code == 2
    assert "lies in no dataset" in said.err


def test_embedding_goes_on_inside_a_split_of_real_shards(
    shop: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_files, "BATCH", 4)
    monkeypatch.setattr(embedding_files, "BATCHES", 2)
    trained, shards = load(run), str(shop / "dataset" / "shards" / "default")

    def write(folder: Path, stop_after: int | None = None) -> dict[str, bytes]:
        def tick(what: str, done: int, total: int) -> None:
            if stop_after is not None and done > stop_after:
                raise KeyboardInterrupt

        write_embeddings(trained, shards, ["train", "test"], folder, tick)
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    whole = write(tmp_path / "whole")
    assert len([name for name in whole if name.startswith("train")]) > 2
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "stopped", 2)
    assert 1 < len([*(tmp_path / "stopped").iterdir()]) < len(whole)
    assert write(tmp_path / "stopped") == whole
