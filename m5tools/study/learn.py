"""One training of a study: the loop of `m5 train` on a world in memory, without its files."""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from m5tools.errors import StageFailed
from m5tools.loader.draws import draws
from m5tools.scale.harmony import Harmony, sums
from m5tools.scale.hiding import hidden
from m5tools.scale.learner import schedule
from m5tools.scale.missing import complete, zero_filled
from m5tools.scale.network import Network
from m5tools.scale.tokens import Tokens
from m5tools.study.config import Cell
from m5tools.study.networks import network_of
from m5tools.study.rules import rule_of
from m5tools.study.world import SHAPE, World
from m5tools.vocabulary import Modality


@dataclass(frozen=True)
class Learned:
    """A trained network, its rule as training left it, and the processor seconds it took."""

    network: Network
    rule: Harmony
    seconds: float


def learn(cell: Cell, world: World) -> Learned:
    """Train one cell. Same cell, same result; the order of listings and of masks depends on the seed alone.

    Raises:
        StageFailed: the loss or its gradient is no longer a number.
    """
    began, learning = time.process_time(), cell.learning
    torch.manual_seed(cell.seed)
    network, rule = network_of(cell), rule_of(cell)
    tokens = complete(world.train) if learning.treatment == "complete" else treated(cell, world.train)
    calibration = treated(cell, world.calibration)
    network.measure_features(world.calibration)
    network.words.measure(_documents(world.train), len(world.train))
    trained = [p for p in (*network.parameters(), *rule.parameters()) if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=learning.lr, weight_decay=learning.weight_decay, fused=True)
    batches = _batches(len(tokens), learning.batch_size, cell.seed)
    for step in range(learning.steps):
        if step % learning.calibration_every == 0:
            rule.observe(sums(*vectors(network, calibration)))
        for group in optimiser.param_groups:
            group["lr"] = learning.lr * schedule(step, learning.steps, learning.warmup)
        loss = _loss(cell, network, rule, tokens.select(next(batches)), step)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        norm, value = float(nn.utils.clip_grad_norm_(trained, learning.clip)), float(loss.detach())
        if not (math.isfinite(value) and math.isfinite(norm)):
            raise StageFailed(f"step {step + 1}: loss {value}, gradient norm {norm}")
        optimiser.step()
    return Learned(network.eval(), rule, time.process_time() - began)


def _loss(cell: Cell, network: Network, rule: Harmony, tokens: Tokens, step: int) -> Tensor:
    learning = cell.learning
    seeds = draws(np.arange(len(tokens)), "masks", cell.seed, step)
    masks = hidden(tokens, torch.from_numpy(seeds.view(np.int64)), learning.masking)
    network.train()
    terms = network(tokens, masks, learning.temperature, rule)
    if learning.consensus_share:
        terms = replace(terms, consensus=rule.consensus(terms.z, terms.present, learning.temperature))
    return rule.objective(terms, learning.masked_share, learning.fused_share, learning.consensus_share).loss


def _batches(listings: int, size: int, seed: int) -> Iterator[Tensor]:
    """Rows of batch after batch, in a new order every epoch; the incomplete last batch is dropped."""
    size = min(size, listings)
    for epoch in itertools.count():
        order = torch.from_numpy(np.argsort(draws(np.arange(listings), "order", seed, epoch)))
        yield from order[: listings // size * size].view(-1, size)


@torch.no_grad()
def vectors(network: Network, tokens: Tokens) -> tuple[Tensor, Tensor]:
    """Unit vectors `[N, 5, d]`, zero where absent, and presence `[N, 5]`; nothing hidden, nothing trained."""
    network.eval()
    return network.vectors(network.encode(tokens), tokens), tokens.present


def treated(cell: Cell, tokens: Tokens) -> Tokens:
    """Listings as the network of this cell is shown them."""
    return zero_filled(tokens) if cell.learning.treatment == "zeros" else tokens


def _documents(tokens: Tokens) -> Tensor:
    """Number of listings in which each word occurs, `[vocabulary]`; no word occurs twice in one."""
    counts = torch.zeros(SHAPE.vocabulary)
    for modality in (Modality.TEXT, Modality.TABLE):
        part = tokens.parts[modality]
        counts += torch.bincount(part.values[part.mask].flatten(), minlength=SHAPE.vocabulary)
    return counts
