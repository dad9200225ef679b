"""The examples of the guide run as they stand; those of a package that is not installed are skipped."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ..conftest import REPOSITORY

GUIDE = (REPOSITORY / "docs" / "guides" / "loader.md").read_text(encoding="utf-8")


def example(name: str) -> str:
    """The block of Python behind a mark."""
    found = re.search(rf"<!-- {name} -->\n```python\n(.*?)```", GUIDE, re.DOTALL)
    assert found, name
    return found[1]


@pytest.fixture
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder from which the examples find `shards/default`."""
    monkeypatch.chdir(folder.parent.parent)
    return folder.parent.parent


def run(*names: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "example"}
    for name in names:
        exec(compile(example(name), name, "exec"), space)
    return space


def test_the_first_example_runs_as_a_script(here: Path) -> None:
    first = re.search(r"```python\n(.*?)```", GUIDE, re.DOTALL)
    assert first
    (here / "train.py").write_text(first[1])
    subprocess.run([sys.executable, "train.py"], check=True, cwd=here, env={"PYTHONPATH": str(REPOSITORY)}, timeout=300)


def test_webdataset(here: Path) -> None:
    pytest.importorskip("webdataset")
    space = run("webdataset")
    assert space["titles"]
    assert len(space["tars"]) > 1


def test_hugging_face_datasets(here: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    pytest.importorskip("datasets")
    assert "sample" in run("datasets")


def test_lightning_fabric(here: Path) -> None:
    pytest.importorskip("lightning_fabric")
    space = run("network", "lightning_fabric")
    loader = space["loader"]
    again = space["m5"].Loader("shards/default", global_batch_size=8)
    space["fabric"].load("fabric.ckpt", {"network": space["network"], "loader": again})
    assert again.state_dict() == loader.state_dict()
    assert again.state_dict()["step"] == len(loader)


def test_accelerate(here: Path) -> None:
    pytest.importorskip("accelerate")
    space = run("network", "accelerate")
    state = space["loader"].state_dict()
    assert state["step"] == len(space["loader"])
    space["loader"].set_epoch(5)
    space["accelerator"].load_state("accelerate")
    assert space["loader"].state_dict() == state
