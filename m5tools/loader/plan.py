"""The order of an epoch: a pure function of (view fingerprint, seed, epoch), the same for every rank and worker.

Global batch `k` is `order[k·G : (k+1)·G]`; rank `r` of `W` takes its lane, the r-th of W equal slices of it. So the set
of samples in a global batch never depends on how many ranks share it, and every rank has the same number of batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]
PADDING = -1


def shuffled(samples: int, fingerprint: str, seed: int, epoch: int) -> Rows:
    """A permutation of 0 … samples − 1, the same on every machine and with every version of NumPy.

    Rows are sorted by SplitMix64 draws (Steele, Lea & Flood 2014, "Fast splittable pseudorandom number generators",
    fig. 17; its output function is a bijection, so no two rows draw the same number).
    """
    key = hashlib.sha256(f"{fingerprint}/{seed}/{epoch}".encode()).digest()
    start = np.frombuffer(key[:8], "<u8")
    with np.errstate(over="ignore"):
        z = start + np.arange(1, samples + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return np.argsort(z, kind="stable")


@dataclass(frozen=True)
class Plan:
    """Which rows of a view make which batch.

    Attributes:
        fingerprint: of the view.
        samples: rows in it.
        seed: of the shuffle.
        global_batch_size: rows of one step over all ranks.
        shuffle: a new global order every epoch; else the order of the shards.
        drop_last: leave the incomplete last batch out; else fill it with rows that are :data:`PADDING`.
    """

    fingerprint: str
    samples: int
    seed: int
    global_batch_size: int
    shuffle: bool
    drop_last: bool

    def __len__(self) -> int:
        """Batches an epoch."""
        whole, rest = divmod(self.samples, self.global_batch_size)
        return whole + (rest > 0 and not self.drop_last)

    def order(self, epoch: int) -> Rows:
        """All rows of an epoch in order, `len(self) · G` of them."""
        rows = shuffled(self.samples, self.fingerprint, self.seed, epoch) if self.shuffle else np.arange(self.samples)
        wanted = len(self) * self.global_batch_size
        return np.pad(rows[:wanted], (0, max(0, wanted - self.samples)), constant_values=PADDING)

    def lane(self, epoch: int, rank: int, world_size: int, start: int = 0) -> Iterator[Rows]:
        """The rows of one rank, batch by batch, from global batch `start` on (`world_size` divides the batch size)."""
        batches = self.order(epoch).reshape(len(self), world_size, self.global_batch_size // world_size)
        return iter(batches[start:, rank])
