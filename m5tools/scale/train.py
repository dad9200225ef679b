"""Training: one process or many, seeds explicit, continued exactly where it stopped.

The order of products and the hidden tokens are pure functions of (seed, step) on any number of ranks; with dropout 0 a
run that was interrupted and continued ends bit by bit like one that was not.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from m5tools.errors import UsageError
from m5tools.scale import ranks
from m5tools.scale.config import TrainConfig
from m5tools.scale.learner import schedule
from m5tools.scale.records import Progress, TrainReport
from m5tools.scale.run import Run
from m5tools.scale.source import Products, Shards
from m5tools.scale.threads import threads

__all__ = ["Progress", "TrainConfig", "TrainReport", "schedule", "train"]


def train(
    config: TrainConfig,
    progress: Callable[[Progress], None] | None = None,
    products: Products | None = None,
) -> TrainReport:
    """Train, or continue the run in `config.out` where its newest checkpoint stands; under torchrun, with the others.

    Args:
        config: of the run; the same on every rank.
        progress: called after every step, on every rank.
        products: where splits are opened; by default the shard folder `config.shards`.

    Raises:
        UsageError: the split is too small, or `config.out` holds a run with another configuration or on other shards.
        StageFailed: the loss is no longer a number.
        TooManyBad: more products are unreadable than `config.max_bad_share`.
    """
    began = time.monotonic()
    with torch.random.fork_rng(devices=[]), threads(config.threads), ranks.joined(config.device) as device:
        if config.batch_size % ranks.size():
            raise UsageError(f"batch_size {config.batch_size} must be a multiple of the {ranks.size()} ranks")
        torch.manual_seed(config.seed)
        shards = products or Shards(
            config.shards,
            config.cut,
            config.shape,
            config.image_size,
            config.seed,
            config.out,
            config.workers,
            config.max_bad_share,
        )
        return Run(config, shards, device, began).finish(progress)
