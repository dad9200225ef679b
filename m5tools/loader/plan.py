"""The order of an epoch: a pure function of (view fingerprint, seed, epoch), the same for every rank and worker.

Global batch `k` is the k-th slice of G slots of the order. Which samples it holds never depends on how many ranks share
it; which rank gets which of them is dealt (:mod:`m5tools.loader.dealing`). Every rank has the same number of batches.

An order is made in steps, each of which may be left out: how often a sample comes (weights), from which dataset
(mixing), the shuffle, batches of like length (buckets).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from m5tools.loader.ascending import ascending
from m5tools.loader.buckets import alike
from m5tools.loader.dealing import Dealer
from m5tools.loader.draws import Rows, draws, seeds, shuffled
from m5tools.loader.mixing import mixed, spread
from m5tools.loader.rules import Rules
from m5tools.loader.slots import PADDING, Slots
from m5tools.loader.weights import copies


@dataclass(frozen=True, eq=False)
class Epoch:
    """The order of one epoch.

    Attributes:
        plan: whose it is.
        number: which.
        rows: int64 `[E]`, all rows in the order before batches are shuffled, with those that fill no batch.
        batches: int64 `[K]`, which slice of `rows` each delivered batch is.
    """

    plan: Plan
    number: int
    rows: Rows
    batches: Rows

    def __len__(self) -> int:
        return len(self.batches)

    @cached_property
    def order(self) -> Rows:
        """int64 `[K · G]`: rows as they are delivered, :data:`PADDING` at the end of an incomplete batch."""
        size = self.plan.global_batch_size
        wanted = len(self) * size
        padded = np.pad(self.rows[:wanted], (0, max(0, wanted - len(self.rows))), constant_values=PADDING)
        return padded.reshape(-1, size)[self.batches].reshape(-1)

    def slots(self, k: int) -> Slots:
        """The whole global batch `k`."""
        size = self.plan.global_batch_size
        here = np.arange(k * size, (k + 1) * size)
        rows = self.order[here]
        return Slots(rows, seeds(here, self.plan.seed, self.number), self._stand_ins(k, rows))

    def lane(self, rank: int, world_size: int, start: int = 0) -> Iterator[Slots]:
        """What one rank gets, batch by batch, from global batch `start` on (`world_size` divides the batch size)."""
        for k in range(start, len(self)):
            slots = self.slots(k)
            yield slots.take(self.lanes(slots.rows, world_size)[rank])

    def lanes(self, rows: Rows, world_size: int) -> Rows:
        """int64 `[W, G / W]`: the places of each rank in a global batch of these rows."""
        dealer = self.plan.dealer
        return dealer().lanes(rows, world_size) if dealer else np.arange(len(rows)).reshape(world_size, -1)

    def _stand_ins(self, k: int, rows: Rows) -> Rows:
        """int64 `[G, S]`: for each slot the same slot of the next batches, of like length where batches are.

        Slots of one batch never share one, and none comes from the batch itself; behind the last batch stand the
        samples that fill none, then the first ones. A short epoch has fewer for some slots.
        """
        size, count = self.plan.global_batch_size, self.plan.rules.stand_ins
        if not count:
            return np.zeros((size, 0), np.int64)
        ahead = np.arange(size)[:, None] + size * np.arange(1, count + 1)
        found = self.rows[(self.batches[k] * size + ahead) % len(self.rows)]
        return np.where((ahead >= len(self.rows)) | np.isin(found, rows), PADDING, found)


@dataclass(frozen=True, eq=False)
class Plan:
    """Which rows of a view make which batch.

    Attributes:
        fingerprint: of the view.
        samples: rows in it.
        seed: of the shuffle.
        global_batch_size: slots of one step over all ranks.
        shuffle: a new order every epoch; else the order of the shards.
        drop_last: leave the incomplete last batch out; else fill it with rows that are :data:`PADDING`.
        rules: what else decides.
        dealer: gives who deals a batch to ranks, asked when the first is dealt; without, they take it slice by slice.
    """

    fingerprint: str
    samples: int
    seed: int
    global_batch_size: int
    shuffle: bool
    drop_last: bool
    rules: Rules = field(default_factory=Rules)
    dealer: Callable[[], Dealer] | None = None

    @cached_property
    def order_fingerprint(self) -> str:
        """16 hex digits over all but seed and batch size that decides the order."""
        told = f"{self.fingerprint}/{self.shuffle}/{self.drop_last}/{self.rules.digest()}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]

    @property
    def mixing_width(self) -> int:
        """Samples that are shuffled with each other, on average over the blocks; one batch where nothing is."""
        if not self.shuffle:
            return self.global_batch_size
        if self.rules.block is None or self.rules.shard is None:
            return self.samples
        shards = int(self.rules.shard.max(initial=0)) + 1
        return self.samples // max(1, -(-shards // self.rules.block))

    def batches(self, epoch: int) -> int:
        """Batches of an epoch; with weights their number differs a little from epoch to epoch."""
        rows = self.samples if self.rules.factors is None else int(self._copies(epoch).sum())
        return self._batches(rows)

    def epoch(self, number: int) -> Epoch:
        """The order of an epoch."""
        rows, size, rules = self._rows(number), self.global_batch_size, self.rules
        count = self._batches(len(rows))
        batches = np.arange(count)
        if rules.lengths is not None:
            whole = min(len(rows), count * size)
            part = rules.part if rules.stratified else None
            rows = np.concatenate([alike(rows[:whole], rules.lengths, rules.window * size, part), rows[whole:]])
            if self.shuffle:  # an incomplete batch stays the last
                full = len(rows) // size
                batches[:full] = shuffled(full, self.fingerprint, self.seed, number, "batches")
        return Epoch(self, number, rows, batches)

    def _batches(self, rows: int) -> int:
        whole, rest = divmod(rows, self.global_batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def _copies(self, epoch: int) -> Rows:
        """int64 `[N]`: how often each row comes."""
        rules, key = self.rules, (self.fingerprint, self.seed, epoch)
        count = np.ones(self.samples, np.int64) if rules.factors is None else copies(rules.factors, *key)
        return count if rules.part is None else mixed(count, rules.part, rules.shares, *key)

    def _rows(self, epoch: int) -> Rows:
        """int64 `[E]`: every row as often as it comes, in order."""
        rules = self.rules
        if rules.factors is None and rules.part is None:
            count, rows = None, np.arange(self.samples)
        else:
            count = self._copies(epoch)
            rows = np.repeat(np.arange(self.samples), count)
        if self.shuffle:
            rows = rows[self._shuffled(rows, count, epoch)]
        if rules.stratified and rules.part is not None:
            rows = spread(rows, rules.part)
        return rows

    def _shuffled(self, rows: Rows, count: Rows | None, epoch: int) -> Rows:
        """A permutation of the places of `rows`, by whole blocks of shards where there are any."""
        rules, key = self.rules, (self.fingerprint, self.seed, epoch)
        if count is None or count.max(initial=0) <= 1:
            order = shuffled(len(rows), *key)
        else:  # the copies of a sample are spread: each in its own part of the epoch
            copy = np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
            place = (copy + draws(np.arange(len(rows)), *key) * 2.0**-64) / count[rows]
            order = ascending(place)
        if rules.block is None or rules.shard is None:
            return order
        shards = int(rules.shard.max(initial=0)) + 1
        block = np.argsort(shuffled(shards, *key, "shards")) // rules.block
        return order[ascending(block[rules.shard[rows[order]]])]
