"""A training run on disk: plain tensors, numbers and text in one file that loads without running any code.

Written under a temporary name and renamed, so a killed run leaves the previous checkpoint whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from m5tools import atomic
from m5tools.errors import UsageError
from m5tools.scale.config import ScaleConfig, TrainConfig
from m5tools.scale.harmony import RULES, Harmony
from m5tools.scale.model import Scale
from m5tools.scale.tokenizer import ProductTokenizer

FORMAT: Final = 2


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

    model: Scale
    harmony: Harmony
    tokenizer: ProductTokenizer
    config: TrainConfig
    categories: tuple[str, ...]
    step: int
    path: Path


def save(path: Path, state: dict[str, Any]) -> None:
    """Write one checkpoint atomically."""
    with atomic.whole_file(path) as temporary:
        torch.save({"format": FORMAT, **state}, temporary)


def read(path: Path) -> dict[str, Any]:
    """The content of a checkpoint.

    Raises:
        UsageError: there is none, it is damaged, or it was written in another format.
    """
    if not path.is_file():
        raise UsageError(f"no checkpoint at {path}; run `m5 train` first")
    try:
        state: dict[str, Any] = torch.load(path, weights_only=True)
    except Exception as error:  # what torch.load makes of bytes that are no checkpoint is of any kind
        what = (str(error).splitlines() or ["it ends early"])[0][:120]
        raise UsageError(f"{path} is not a readable checkpoint ({what}); name one that `m5 train` wrote") from error
    if state.get("format") != FORMAT:
        raise UsageError(f"{path} has checkpoint format {state.get('format')}, this version reads {FORMAT}")
    return state


def load(checkpoint: str | Path) -> Trained:
    """Restore a trained network from `checkpoint.pt` or the run's folder.

    Raises:
        UsageError: see :func:`read`.
    """
    path = Path(checkpoint)
    path = path / "checkpoint.pt" if path.is_dir() else path
    state = read(path)
    config = TrainConfig.model_validate(state["config"])
    tokenizer = ProductTokenizer.from_json(ScaleConfig.model_validate(state["shape"]), state["tokenizer"])
    model, harmony = Scale(tokenizer.config), RULES[config.harmony]()
    model.load_state_dict(state["model"])
    harmony.load_state_dict(state["harmony"])
    categories = tuple(state["categories"])
    return Trained(model.eval(), harmony, tokenizer, config, categories, state["step"], path)
