"""Checkpoints: whole or not there, the newest few kept, and data to whoever reads them."""

from __future__ import annotations

import json
import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.distributed.checkpoint import FileSystemWriter, save

from m5tools.errors import StageFailed, UsageError
from m5tools.scale import dcp
from m5tools.scale.checkpoint import load
from m5tools.scale.checkpoint import save as save_checkpoint
from m5tools.scale.config import TrainConfig
from m5tools.scale.train import train

from ..conftest import REPOSITORY
from .saved import checkpoints, tensors
from .world import World

SMALL: dict[str, Any] = {"shards": "world", "steps": 5, "batch_size": 16, "warmup": 2, "checkpoint_every": 1}

KILLED = """
import os, pathlib, shutil, signal, sys
from m5tools import atomic
from m5tools.scale import checkpoint, dcp
from m5tools.scale.train import TrainConfig, train
from tests.scale.world import World


where, out = sys.argv[1:]

def at(owner, name, after):
    true, calls = getattr(owner, name), []
    times = 2 if name == "rmtree" else 4
    def wrapped(*arguments, **options):
        mine = ".tmp-step" in str(arguments[0])
        calls.extend([0] * mine)
        if mine and len(calls) == times and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        found = true(*arguments, **options)
        if mine and len(calls) == times and after:
            os.kill(os.getpid(), signal.SIGKILL)
        return found
    setattr(owner, name, wrapped)

at(*{
    "before a byte": (dcp, "write", False),
    "tensors written": (dcp, "write", True),
    "before its name": (pathlib.Path, "rename", False),
    "an old one half removed": (shutil, "rmtree", False),
}[where])
train(TrainConfig(shards="world", steps=5, batch_size=16, warmup=2, checkpoint_every=1, out=out), products=World(60, seed=2))
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing happened to."""
    out = tmp_path_factory.mktemp("whole")
    train(TrainConfig(**SMALL, out=out), products=World(60, seed=2))
    return out


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it, to damage."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


@pytest.mark.slow
@pytest.mark.parametrize("where", ["before a byte", "tensors written", "before its name", "an old one half removed"])
def test_a_run_killed_inside_a_checkpoint_ends_as_if_it_were_not(whole: Path, tmp_path: Path, where: str) -> None:
    out = tmp_path / "run"
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run([sys.executable, "-c", KILLED, where, str(out)], env=environment, timeout=300, check=False)
    assert ended.returncode == -signal.SIGKILL
    left = {path.name for path in checkpoints(out)}
    assert any(path.name.startswith(".tmp-") for path in (out / "checkpoints").iterdir()) or where == "before a byte"
    assert load(out).step == max(int(name.removeprefix("step-")) for name in left) < 5
    train(TrainConfig(**SMALL, out=out), products=World(60, seed=2))
    assert sorted(path.name for path in (out / "checkpoints").iterdir()) == ["step-00000004", "step-00000005"]
    a, b = tensors(whole), tensors(out)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_the_newest_few_stay(run: Path) -> None:
    assert [path.name for path in checkpoints(run)] == ["step-00000004", "step-00000005"]
    config = TrainConfig(**{**SMALL, "steps": 4, "keep_checkpoints": 3}, out=run.parent / "another")
    train(config, products=World(60, seed=2))
    assert [path.name for path in checkpoints(config.out)] == ["step-00000002", "step-00000003", "step-00000004"]


def test_a_run_or_one_of_its_checkpoints_is_loaded(run: Path) -> None:
    assert load(run).step == 5
    assert load(checkpoints(run)[0]).step == 4
    assert json.loads((checkpoints(run)[1] / "run.json").read_text())["last"]["loss"] > 0


def test_a_run_of_an_earlier_version_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(b"anything")
    for read in (
        lambda: load(tmp_path),
        lambda: load(tmp_path / "checkpoint.pt"),
        lambda: train(TrainConfig(**SMALL, out=tmp_path), products=World(60, seed=2)),
    ):
        with pytest.raises(UsageError, match=r"checkpoint.pt is a checkpoint of an earlier version.*another folder"):
            read()


def test_another_format_is_one_clear_error(run: Path) -> None:
    for saved in checkpoints(run):
        about = json.loads((saved / "run.json").read_text())
        (saved / "run.json").write_text(json.dumps({**about, "format": 99}))
    with pytest.raises(UsageError, match="has checkpoint format 99, this version reads 3"):
        load(run)


def test_a_missing_checkpoint_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no checkpoint at .*; run `m5 train` first"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["run.json", "tokenizer.json", ".metadata", "__0_0.distcp"])
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_goes_on(run: Path, name: str, harm: str) -> None:
    newest = checkpoints(run)[-1]
    file = newest / name
    if harm == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 30])
    else:
        file.unlink()
    with pytest.raises(UsageError, match=r"step-00000005 cannot be read .*remove it, and the run goes on"):
        load(run)
    shutil.rmtree(newest)
    assert train(TrainConfig(**SMALL, out=run), products=World(60, seed=2)).step == 5


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


@pytest.mark.filterwarnings("ignore:torch.distributed is")
def test_a_checkpoint_from_a_stranger_runs_no_code(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (checkpoints(run)[-1] / ".metadata").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(UsageError, match=r"asks for posix\.mkdir"):
        load(run)
    save({"source": {"epoch": Bomb()}}, storage_writer=FileSystemWriter(tmp_path / "bytes"), no_dist=True)
    with pytest.raises(Exception, match=r"[Ww]eights.only"):
        dcp.read_into(tmp_path / "bytes", {"source": {"epoch": 0}}, alone=True)
    assert not Path("exploded").exists()


def test_a_checkpoint_that_cannot_be_written_is_one_clear_error_and_leaves_those_before_it(tmp_path: Path) -> None:
    state = {"weight": torch.zeros(100_000)}
    save_checkpoint(tmp_path, 1, {}, "{}", state, keep=2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(StageFailed, match=r"step-00000002 could not be written .*; see whether there is space"):
            save_checkpoint(tmp_path, 2, {}, "{}", state, keep=2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["step-00000001"]
