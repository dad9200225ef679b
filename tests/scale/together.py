"""What the tests of several ranks do, in one process or under torchrun: `together.py JOBS`, JSON of
[job, folder, settings] each, for to start PyTorch anew takes longer than all of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor

from m5tools.scale import ranks
from m5tools.scale.batches import Portion
from m5tools.scale.config import MODELS, TrainConfig
from m5tools.scale.harmony import Harmonized, Objective
from m5tools.scale.hiding import hidden
from m5tools.scale.learner import Learner, Trainer
from m5tools.scale.model import Scale
from m5tools.scale.terms import Terms
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.tokens import Tokens
from m5tools.scale.train import train
from m5tools.scale.words import texts_of
from m5tools.vocabulary import Modality
from tests.scale.world import World, make_batch


class Taught(Harmonized):
    """A rule with trained parameters, of which every loss takes its part."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = torch.nn.Parameter(torch.linspace(0.5, 1.5, 25).view(5, 5))
        self.scale = torch.nn.Parameter(torch.linspace(1.5, 0.5, 5))

    def objective(self, terms: Terms, *shares: float) -> Objective:
        contrast, masked = (self.gate * terms.pair).sum(), (self.scale * terms.masked).sum()
        loss = contrast + shares[0] * masked + shares[1] * terms.fused + shares[2] * terms.consensus
        return Objective(loss, contrast, masked, self.weights())


def batch(world: World) -> tuple[ProductTokenizer, Tokens]:
    """24 products, of which the last nine have neither video nor sound."""
    seen = [x for x in world.splits["train"] if x.present[3]][:15]
    blind = [x for x in world.splits["train"] if not x.present[3] and not x.present[4]][:9]
    assert (len(seen), len(blind)) == (15, 9)
    whole = make_batch(world.splits["train"])
    tokenizer = ProductTokenizer.learn(MODELS["study"], [s for texts in texts_of(whole) for s in texts])
    return tokenizer, tokenizer(make_batch([*seen, *blind]))


def gradients(out: Path, settings: dict[str, Any]) -> None:
    """The gradient of one global batch; the second of two ranks holds its part without video."""
    torch.manual_seed(1)
    tokenizer, tokens = batch(World(150))
    rows = torch.arange(24).split([15, 9])[ranks.rank()] if ranks.size() == 2 else torch.arange(24)
    config = TrainConfig(shards="", out=out, fused_share=0.3, consensus_share=0.2, **settings)
    seeds = 1000 + torch.arange(24)
    model = Scale(tokenizer.config)
    for parameter in model.parameters():  # some start at zero, and would let no gradient through
        parameter.data.add_(torch.randn(parameter.shape) * 0.05)
    trainer = Trainer(Learner(model, Taught(), config), config, tokens, torch.device("cpu"))
    mine = tokens.select(rows)
    assert (len(mine.parts[Modality.VIDEO].row) == 0) == (ranks.rank() == 1)
    told = trainer.shared(mine, hidden(mine, seeds[rows], 0.3))
    told["loss"].backward()
    found = {name: parameter.grad for name, parameter in trainer.learner.named_parameters()}
    whole = {k: v.full_tensor() if isinstance(v, DTensor) else v for k, v in found.items()}
    torch.save({"loss": told["loss"].detach(), "masked": told["masked"], **whole}, out / f"gradients-{ranks.rank()}.pt")


def trains(out: Path, settings: dict[str, Any]) -> None:
    """A run on a world; what every step had, and the rule's buffers after it, are noted."""
    told = []
    take = Trainer.take

    def noting(self: Trainer, step: int, portion: Portion) -> dict[str, Any]:
        found = take(self, step, portion)
        buffers = torch.cat([b.flatten().double() for b in self.learner.harmony.buffers()])
        told.append([portion.tokens.ids, buffers.tolist()])
        return found

    Trainer.take = noting  # type: ignore[method-assign]
    try:
        report = train(TrainConfig(shards="world", out=out, **settings), products=World(60, seed=2))
    finally:
        Trainer.take = take  # type: ignore[method-assign]
    (out / f"told-{ranks.rank()}.json").write_text(json.dumps({"steps": told, "report": report.model_dump()}))


def do(jobs: list[tuple[str, str, dict[str, Any]]]) -> None:
    for job, folder, settings in jobs:
        Path(folder).mkdir(parents=True, exist_ok=True)
        {"gradients": gradients, "trains": trains}[job](Path(folder), settings)


if __name__ == "__main__":
    torch.set_num_threads(1)
    with ranks.joined("cpu"):
        do(json.loads(sys.argv[1]))
