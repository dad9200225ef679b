"""A training run on disk: a folder a checkpoint, each whole or not there, of which the newest few stay.

<out>/checkpoints/step-00000200/
    run.json          format, step, configuration, shape, categories, the last losses: for people too
    tokenizer.json    the vocabulary
    .metadata  *.distcp   tensors of network, rule and optimiser, and the loader's state (torch.distributed.checkpoint)

It is written under a temporary name by all ranks together and renamed by the first. A killed run leaves the folders
before it as they were, and a temporary one that the next run removes.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from m5tools import atomic
from m5tools.errors import StageFailed, UsageError
from m5tools.scale import dcp, ranks
from m5tools.scale.config import ScaleConfig, TrainConfig
from m5tools.scale.frozen import opened
from m5tools.scale.harmony import RULES, Harmony
from m5tools.scale.network import Network
from m5tools.scale.networks import NETWORKS
from m5tools.scale.tokenizer import ProductTokenizer

FORMAT: Final = 3
FOLDER: Final = "checkpoints"
_STEP: Final = "step-"
_OLD: Final = "checkpoint.pt"


@dataclass(frozen=True)
class Trained:
    """A network ready for use.

    Attributes:
        model, harmony, tokenizer: in evaluation mode, on the CPU.
        config: how it was trained.
        categories: class names of its shard folder.
        step: optimiser steps taken.
        path: the checkpoint it came from.
    """

    model: Network
    harmony: Harmony
    tokenizer: ProductTokenizer
    config: TrainConfig
    categories: tuple[str, ...]
    step: int
    path: Path

    def at(self, shards: str) -> Trained:
        """The same, with the frozen features that it reads opened from a shard folder.

        Raises:
            UsageError: their overlay is not there, or holds vectors of another model.
        """
        shape = self.tokenizer.config
        features = opened(shards, self.config.features, shape.frozen)
        return replace(self, tokenizer=ProductTokenizer(shape, self.tokenizer.bpe, features)) if features else self


def save(out: Path, step: int, about: dict[str, Any], tokenizer: str, state: dict[str, Any], keep: int) -> Path:
    """Write one checkpoint, then remove all but the newest `keep`; every rank calls it.

    Args:
        out: the run's folder.
        step: optimiser steps taken; becomes the folder's name.
        about: plain values for `run.json`.
        tokenizer: JSON text.
        state: what :mod:`m5tools.scale.dcp` writes.
        keep: at least 1.

    Raises:
        StageFailed: it could not be written; the checkpoints before it stay.
    """
    path = out / FOLDER / f"{_STEP}{step:08}"
    temporary = path.with_name(f"{atomic.TEMPORARY}{path.name}")
    ranks.from_first(lambda: _empty(temporary))
    try:
        dcp.write(temporary, state)
    except OSError as error:
        ranks.from_first(lambda: shutil.rmtree(temporary, ignore_errors=True))
        said = str(error).splitlines()[0]
        raise StageFailed(
            f"{path} could not be written ({said}); see whether there is space for it, then run the same command "
            "again: it goes on from the checkpoint before"
        ) from error

    def finish() -> None:
        atomic.write_bytes(temporary / "tokenizer.json", tokenizer.encode())
        atomic.write_json(temporary / "run.json", {"format": FORMAT, "step": step, **about})
        temporary.rename(path)
        atomic.sync_folder(path.parent)
        for old in _steps(out)[:-keep]:
            _remove(old)

    ranks.from_first(finish)
    return path


def tidy(out: Path) -> None:
    """Remove what a killed run left half written or half removed."""
    for left in (out / FOLDER).glob(f"{atomic.TEMPORARY}*"):
        shutil.rmtree(left)


def newest(out: Path) -> Path | None:
    """The newest checkpoint of a run, if there is one.

    Raises:
        UsageError: the folder holds a run of an earlier version.
    """
    steps = _steps(out)
    if not steps and (out / _OLD).exists():
        raise UsageError(
            f"{out / _OLD} is a checkpoint of an earlier version of m5tools, which this one does not read; "
            "train into another folder, or go on with that version"
        )
    return steps[-1] if steps else None


def describe(path: Path) -> dict[str, Any]:
    """The `run.json` of a checkpoint, and its `tokenizer`.

    Raises:
        UsageError: it is no checkpoint, damaged, or of another format.
    """
    if not (path / "run.json").is_file() and not (path / ".metadata").is_file():
        raise UsageError(f"no checkpoint at {path}; run `m5 train` first")
    try:
        about: dict[str, Any] = json.loads((path / "run.json").read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise UsageError(f"{path} has checkpoint format {about['format']}, this version reads {FORMAT}")
        words = (path / "tokenizer.json").read_text(encoding="utf-8")
        shape = ScaleConfig.model_validate(about["shape"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _damaged(path, error) from error
    try:
        # Here, where the checkpoint can be named, and not only by whoever takes it up.
        ProductTokenizer.from_json(shape, words)
    except UsageError as error:
        raise _damaged(path, error) from error
    return {**about, "tokenizer": words}


def restore(path: Path, state: dict[str, Any], alone: bool = False) -> None:
    """Read a checkpoint into the tensors and the source of `state`; unless `alone`, every rank calls it.

    Raises:
        UsageError: it is damaged.
    """
    try:
        dcp.read_into(path, state, alone)
    except UsageError:
        raise
    except Exception as error:  # what is made of bytes that are no checkpoint is of any kind
        raise _damaged(path, error) from error


def load(checkpoint: str | Path) -> Trained:
    """Restore a trained network from a run's folder (its newest checkpoint) or from one checkpoint.

    Raises:
        UsageError: there is none, it is damaged, or it is of another format.
    """
    path = Path(checkpoint)
    if not path.name.startswith(_STEP):
        path = newest(path.parent if path.name == _OLD else path) or path
    about = describe(path)
    try:
        config = TrainConfig.model_validate(about["config"])
        categories, step = tuple(about["categories"]), int(about["step"])
        tokenizer = ProductTokenizer.from_json(ScaleConfig.model_validate(about["shape"]), about["tokenizer"])
    except Exception as error:  # what stands in a damaged file is of any kind
        raise _damaged(path, error) from error
    model, harmony = NETWORKS[config.network](tokenizer.config), RULES[config.harmony]()
    restore(path, {"model": model.state_dict(), "harmony": harmony.state_dict()}, alone=True)
    return Trained(model.eval(), harmony, tokenizer, config, categories, step, path)


def run_of(checkpoint: Path) -> Path:
    """The folder of the run that a checkpoint is of; what :func:`load` takes."""
    if checkpoint.name.startswith(_STEP):
        return checkpoint.absolute().parent.parent
    return checkpoint.parent if checkpoint.name == _OLD else checkpoint


def _steps(out: Path) -> list[Path]:
    """Whole checkpoints, the oldest first."""
    return sorted(path for path in (out / FOLDER).glob(f"{_STEP}*") if path.name.removeprefix(_STEP).isdecimal())


def _empty(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


def _remove(path: Path) -> None:
    """Renamed first, so that no half of it is ever taken for a checkpoint."""
    gone = path.with_name(f"{atomic.TEMPORARY}{path.name}")
    path.rename(gone)
    shutil.rmtree(gone)


def _damaged(path: Path, error: Exception) -> UsageError:
    what = (str(error).splitlines() or ["it ends early"])[0][:160]
    return UsageError(f"{path} cannot be read ({what}); remove it, and the run goes on from the one before it")
