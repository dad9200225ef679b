"""How the samples of one global batch are dealt to ranks, so that all of them finish together.

Which samples a batch holds does not depend on the number of ranks; who gets which does, and on nothing else. First the
samples with a scarce modality, videos before all: ranks that have none are served first, so no rank lacks a video where
there are enough. Then the others. Samples go out in waves, one to a rank, the dearest to the rank with the least to do
(Graham 1969, "Bounds on multiprocessing timing anomalies": longest first).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from m5tools.loader.draws import Rows
from m5tools.loader.slots import PADDING
from m5tools.vocabulary import Modality

DEAREST_FIRST: Final = (Modality.VIDEO, Modality.AUDIO, Modality.IMAGE, Modality.TABLE, Modality.TEXT)


@dataclass(frozen=True, eq=False)
class Dealer:
    """What dealing looks at.

    Attributes:
        present: bool `[N, 5]`, what a sample holds.
        cost: float32 `[N]`, of reading and decoding it, in any unit.
    """

    present: npt.NDArray[np.bool_]
    cost: npt.NDArray[np.float32]

    def lanes(self, rows: Rows, world_size: int) -> Rows:
        """int64 `[W, G / W]`: for each rank, its places in a global batch of these `G` rows, ascending.

        Padding is dealt last, so that it is spread as well.
        """
        if world_size == 1:
            return np.arange(len(rows))[None]
        real = rows != PADDING
        present = self.present[rows] & real[:, None]
        cost = np.where(real, self.cost[rows].astype(np.float64), -1.0)
        table = _Table(world_size, cost)
        left = np.argsort(-cost, kind="stable")
        for modality in DEAREST_FIRST:
            has = present[:, modality.bit]
            if modality is Modality.VIDEO or 2 * has.sum() < len(rows):
                table.deal(left[has[left]], has)
                left = left[~has[left]]
        waves = -(-len(left) // world_size)
        # Each wave from dear to cheap: what the first groups left uneven is made up by as much.
        table.deal(np.concatenate([left[wave::waves] for wave in range(waves)]) if waves else left)
        return np.sort(table.lanes, axis=1)


class _Table:
    """The ranks while a batch is dealt to them.

    Args:
        ranks: how many.
        cost: float64 `[G]`, of every place.

    Attributes:
        lanes: int64 `[W, G / W]`, the places dealt so far.
    """

    def __init__(self, ranks: int, cost: npt.NDArray[np.float64]) -> None:
        self.lanes: Rows = np.full((ranks, len(cost) // ranks), PADDING)
        self._cost = cost
        self._dealt = np.zeros(ranks, np.int64)
        self._load = np.zeros(ranks)

    def deal(self, places: Rows, wanted: npt.NDArray[np.bool_] | None = None) -> None:
        """Deal some places, in this order.

        Args:
            places: int64.
            wanted: bool `[G]`, places of which every rank shall have one before others have more.
        """
        lacking = np.zeros(len(self.lanes), bool)
        if wanted is not None:
            lacking = ~((self.lanes != PADDING) & wanted[self.lanes]).any(1)
        while len(places):
            free = np.flatnonzero(self._dealt < self.lanes.shape[1])
            if lacking[free].any():
                free = free[lacking[free]]
            wave, places = places[: len(free)], places[len(free) :]
            wave = wave[np.argsort(-self._cost[wave], kind="stable")]
            chosen = free[np.argsort(self._load[free], kind="stable")][: len(wave)]
            self.lanes[chosen, self._dealt[chosen]] = wave
            self._dealt[chosen] += 1
            self._load[chosen] += np.maximum(self._cost[wave], 0.0)
            lacking[chosen] = False
