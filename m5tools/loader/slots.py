"""What a worker is asked for: the places of a batch, which row each shall hold, and which if that one is unreadable."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np

from m5tools.loader.draws import Rows

PADDING = -1
"""The row of a slot that holds no sample, and of a stand-in that does not exist."""


@dataclass(frozen=True)
class Slots:
    """The `B` places of a batch.

    Attributes:
        rows: int64 `[B]`, rows of the view, or :data:`PADDING`.
        seeds: int64 `[B]`, for augmentation; they belong to the place, whatever sample comes to fill it.
        stand_ins: int64 `[B, S]`, rows to take instead, in turn, or :data:`PADDING`.
    """

    rows: Rows
    seeds: Rows
    stand_ins: Rows

    @classmethod
    def of(cls, rows: Sequence[int]) -> Slots:
        """Just these rows."""
        return cls(np.asarray(rows, np.int64), np.zeros(len(rows), np.int64), np.zeros((len(rows), 0), np.int64))

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: Rows) -> Slots:
        """Some of the slots."""
        return Slots(self.rows[places], self.seeds[places], self.stand_ins[places])

    def without(self, bad: Container[int]) -> Rows:
        """int64 `[B]`: the row of each slot, or the first of its stand-ins, that is not bad; its own if all are."""
        rows = self.rows.copy()
        for place, row in enumerate(rows.tolist()):
            if row in bad:
                good = (r for r in self.stand_ins[place].tolist() if r != PADDING and r not in bad)
                rows[place] = next(good, row)
        return rows
