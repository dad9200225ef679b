"""Training, judging and embedding from shards in an object store: what a local folder gives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..moto_server import Served, moto_server
from .conftest import M5

SHORT = ("--set", "steps=2", "--set", "batch_size=8")
BRIEF = ("bootstraps=20", "cluster_runs=1", "fine_tune_epochs=0", "combinations=false", "roles=false")


@pytest.fixture
def s3(shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The shop's dataset below `shop/` in a bucket, as far as learning reads it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with moto_server(monkeypatch) as served:
        for name in ("shards/default", "cuts"):
            served.fs().put(f"{shop}/dataset/{name}/", f"{served.bucket}/shop/{name}/", recursive=True)
        yield served


def learned(run: Path) -> list[dict[str, object]]:
    """What was logged of each step, but for its speed."""
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return [{key: told for key, told in line.items() if key not in ("samples_per_s", "data_wait")} for line in lines]


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_shards_in_a_store_are_learned_from_as_those_in_a_folder(
    m5: M5, shop: Path, s3: Served, tmp_path: Path
) -> None:
    near, far = str(shop / "dataset/shards/default"), f"s3://{s3.bucket}/shop/shards/default"
    for shards, run in ((near, tmp_path / "near"), (far, tmp_path / "far")):
        said = m5("train", shards, "--out", run, *SHORT)
        assert said.code == 0, said.err
    assert learned(tmp_path / "far") == learned(tmp_path / "near")
    assert len(learned(tmp_path / "far")) == 2

    said = m5("train", near, "--out", tmp_path / "far", *SHORT)
    assert said.code == 0, f"the shards have moved, nothing else: {said.err}"

    options = [word for setting in BRIEF for word in ("--set", setting)]
    said = m5("evaluate", tmp_path / "far", far, *options)
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "far" / "evaluation.json").read_text())["shards"] == far

    for shards, folder in ((near, "vectors"), (far, "far-vectors")):
        said = m5("embed", tmp_path / "far", shards, "--split", "test", "--out", tmp_path / folder)
        assert said.code == 0, said.err
    assert files(tmp_path / "far-vectors") == files(tmp_path / "vectors")


def test_vectors_of_shards_in_a_store_need_a_place(m5: M5) -> None:
    said = m5("embed", "run", "s3://bucket/shop/shards/default")
    assert said.code == 2
    assert "s3://bucket/shop/shards/default lies in a store" in said.err
    assert "name it with --out" in said.err


def test_shards_that_are_not_in_the_store_are_named(m5: M5, s3: Served, tmp_path: Path) -> None:
    far = f"s3://{s3.bucket}/shop/shards/other"
    said = m5("train", far, "--out", tmp_path / "run", *SHORT)
    assert said.code == 2
    assert f"{far} is not a whole shard folder" in said.err


@pytest.mark.parametrize("command", ["train", "evaluate", "embed"])
def test_a_run_in_a_store_is_refused_before_it_becomes_a_folder(
    m5: M5, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(tmp_path)
    place = ("--out", "s3://bucket/run") if command == "train" else ()
    run = () if command == "train" else ("s3://bucket/run",)
    said = m5(command, *run, "shards", *place)
    assert said.code == 2
    assert "in folders of this machine, not at s3://bucket/run; name one" in said.err
    assert not list(tmp_path.iterdir())
