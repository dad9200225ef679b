"""The loader's state in a checkpoint of `torch.distributed.checkpoint`, saved by some ranks and read by others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.checkpoint as dcp
from torch.distributed.checkpoint.stateful import Stateful

from m5tools.loader.loader import Loader

from .conftest import torchrun


def loader(folder: Path, **options: Any) -> Loader:
    return Loader(folder, global_batch_size=4, seed=1, image_size=8, modalities=("text",), **options)


def seeds(batches: Any) -> list[int]:
    return [seed for batch in batches for seed in batch.seeds.tolist()]


@pytest.mark.filterwarnings("ignore:torch.distributed is")
def test_the_state_is_one_more_stateful_of_a_checkpoint(folder: Path, tmp_path: Path) -> None:
    first = loader(folder)
    assert isinstance(first, Stateful)
    whole = seeds(first)
    batches = iter(first)
    done = seeds([next(batches), next(batches)])
    dcp.save({"loader": first, "weight": torch.ones(3)}, checkpoint_id=tmp_path / "saved")
    second, weight = loader(folder), torch.zeros(3)
    dcp.load({"loader": second, "weight": weight}, checkpoint_id=tmp_path / "saved")
    assert weight.tolist() == [1.0, 1.0, 1.0]
    assert second.state_dict() == first.state_dict()
    assert done + seeds(second) == whole


SAVES = """
import sys
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from m5tools.loader.loader import Loader

dist.init_process_group("gloo")
rank, world = dist.get_rank(), dist.get_world_size()
loader = Loader(sys.argv[1], global_batch_size=4, seed=1, image_size=8, modalities=("text",), rank=rank, world_size=world)
if sys.argv[3] == "save":
    batches = iter(loader)
    next(batches), next(batches), next(batches)
    dcp.save({"loader": loader}, checkpoint_id=sys.argv[2])
else:
    dcp.load({"loader": loader}, checkpoint_id=sys.argv[2])
    assert loader.state_dict()["step"] == 3, loader.state_dict()
    assert len(list(loader)) == len(loader) - 3
dist.destroy_process_group()
"""


@pytest.mark.slow
def test_two_ranks_save_and_one_or_four_go_on(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "ranks.py"
    script.write_text(SAVES)
    for world, what in ((2, "save"), (1, "load"), (4, "load")):
        torchrun(world, script, folder, tmp_path / "saved", what)
