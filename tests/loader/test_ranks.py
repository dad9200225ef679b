"""Real processes under torchrun, training together over gloo, though most of them hold no video in most steps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from m5tools.loader.catalog import Catalog
from m5tools.vocabulary import MODALITIES, Modality

from .conftest import torchrun

TRAINS = """
import json, os, sys
import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

import m5tools as m5


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.text = torch.nn.Linear(16, 4)
        self.video = torch.nn.Linear(3 * 8 * 8, 4)

    def forward(self, batch):
        text = self.text(batch.dense(m5.Modality.TEXT, 16).data / 255)
        frames = batch.video.data.flatten(1) / 255  # no frame at all: an empty product, whose gradient is zero
        return text.square().mean() + self.video(frames).square().sum()


if __name__ == "__main__":
    folder, out, workers = sys.argv[1:]
    dist.init_process_group("gloo")
    rank, world = dist.get_rank(), dist.get_world_size()
    loader = m5.Loader(
        folder, global_batch_size=4, seed=1, image_size=8, modalities=("text", "video"), workers=int(workers),
        rank=rank, world_size=world,
    )
    torch.manual_seed(0)
    model = DistributedDataParallel(Net())
    optimiser = torch.optim.SGD(model.parameters(), 0.01)
    told = []
    for epoch in range(2):
        loader.set_epoch(epoch)
        for batch in loader:
            optimiser.zero_grad()
            model(batch).backward()
            optimiser.step()
            told.append([list(batch.ids), batch.seeds.tolist(), len(batch.video)])
    weights = [float(p.detach().sum()) for p in model.parameters()]
    with open(f"{out}/{rank}.json", "w") as file:
        json.dump({"steps": told, "weights": weights, "epoch": len(loader), "state": loader.state_dict()}, file)
    dist.barrier()
    dist.destroy_process_group()
    os._exit(0)  # PyTorch now and then aborts a process that has ended well, while its threads are taken down
"""


def train(folder: Path, out: Path, world: int, workers: int) -> list[dict[str, Any]]:
    out.mkdir()
    script = out / "train.py"
    script.write_text(TRAINS)
    torchrun(world, script, folder, out, workers)
    return [json.loads((out / f"{rank}.json").read_text()) for rank in range(world)]


@pytest.mark.slow
@pytest.mark.parametrize(("world", "workers"), [(2, 1), (4, 0)])
def test_no_rank_hangs_for_want_of_a_video(folder: Path, tmp_path: Path, world: int, workers: int) -> None:
    ranks = train(folder, tmp_path / "ranks", world, workers)
    assert {len(rank["steps"]) for rank in ranks} == {2 * ranks[0]["epoch"]}
    assert all(rank["state"] == ranks[0]["state"] for rank in ranks)
    assert all(rank["weights"] == ranks[0]["weights"] for rank in ranks)
    view = Catalog.open(folder, "train").view(MODALITIES)
    videos = {pid for pid, held in zip(view.ids.to_pylist(), view.present[:, Modality.VIDEO.bit], strict=True) if held}
    together = []
    without = 0
    for step in zip(*(rank["steps"] for rank in ranks), strict=True):
        mine = np.array([clips for _, _, clips in step])
        held = sum(pid in videos for ids, _, _ in step for pid in ids)
        assert mine.sum() == held
        assert (mine > 0).sum() == min(world, held), "as many ranks have a video as there are videos"
        without += int((mine == 0).sum())
        together.append(sorted(pair for ids, seeds, _ in step for pair in zip(ids, seeds, strict=True)))
    assert without > 0, "some rank had none"
    (alone,) = train(folder, tmp_path / "alone", 1, 0)
    assert together == [sorted(zip(ids, seeds, strict=True)) for ids, seeds, _ in alone["steps"]]
