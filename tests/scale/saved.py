"""What checkpoints hold, read by the library that wrote them and by none of ours."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch
from torch.distributed.checkpoint import FileSystemReader, load
from torch.distributed.checkpoint.metadata import TensorStorageMetadata


def checkpoints(out: Path) -> list[Path]:
    """Of a run, the oldest first."""
    return sorted((out / "checkpoints").glob("[!.]*"))


def tensors(out: Path) -> dict[str, torch.Tensor]:
    """Every tensor of a run's newest checkpoint, by name."""
    newest = checkpoints(out)[-1]
    described = FileSystemReader(newest).read_metadata().state_dict_metadata
    found = {
        name: torch.empty(about.size, dtype=about.properties.dtype)
        for name, about in described.items()
        if isinstance(about, TensorStorageMetadata)
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it is told that one process reads
        load(found, checkpoint_id=newest, no_dist=True)
    return found
