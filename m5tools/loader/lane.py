"""What PyTorch's `DataLoader` draws batches from: one rank's lane of an epoch, from a step on."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from m5tools.loader.plan import Epoch, Plan
from m5tools.loader.slots import Slots


class Lane:
    """The batches of one rank.

    Attributes:
        epoch, start: what the next iteration delivers.
    """

    def __init__(self, plan: Plan, rank: int, world_size: int) -> None:
        self.epoch = 0
        self.start = 0
        self._rank = rank
        self._world_size = world_size
        self._batches = lru_cache(maxsize=2)(plan.batches)
        self._planned = lru_cache(maxsize=1)(plan.epoch)

    def __iter__(self) -> Iterator[Slots]:
        return self.planned().lane(self._rank, self._world_size, self.start)

    def __len__(self) -> int:
        return self.whole() - self.start

    def whole(self) -> int:
        """Batches of the whole epoch."""
        return self._batches(self.epoch)

    def planned(self) -> Epoch:
        """The order of the epoch."""
        return self._planned(self.epoch)
