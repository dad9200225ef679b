"""How the samples of one global batch are dealt to ranks, so that all of them finish together.

Which samples a batch holds does not depend on the number of ranks; who gets which does, and on nothing else. They are
sorted by what they hold, the dearest to decode first (video, audio, image, table, text), then by cost, and laid out
like cards in a snake, 0 … W − 1, W − 1 … 0. So as many ranks have a video as there are videos, and costs even out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from m5tools.loader.draws import Rows
from m5tools.loader.slots import PADDING
from m5tools.vocabulary import Modality

DEAREST_LAST: Final = (Modality.TEXT, Modality.TABLE, Modality.IMAGE, Modality.AUDIO, Modality.VIDEO)


def signatures(present: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """uint8 `[N]` of bool `[N, 5]`: what a sample holds as a number, greater the dearer it is to decode."""
    rank = [m.bit for m in DEAREST_LAST]
    return np.packbits(present[:, rank], axis=1, bitorder="little")[:, 0]


@dataclass(frozen=True, eq=False)
class Dealer:
    """What dealing looks at.

    Attributes:
        signature: uint8 `[N]`, see :func:`signatures`.
        cost: float32 `[N]`, of reading and decoding a sample, in any unit.
    """

    signature: npt.NDArray[np.uint8]
    cost: npt.NDArray[np.float32]

    def lanes(self, rows: Rows, world_size: int) -> Rows:
        """int64 `[W, G / W]`: for each rank, its places in a global batch of these `G` rows, ascending.

        Padding is dealt last, so that it is spread as well.
        """
        if world_size == 1:
            return np.arange(len(rows))[None]
        real = rows != PADDING
        signature = np.where(real, self.signature[rows].astype(np.int64), -1)
        cost = np.where(real, self.cost[rows], 0.0)
        order = np.lexsort((-cost, -signature)).reshape(-1, world_size)
        order[1::2] = order[1::2, ::-1]
        return np.sort(order.T, axis=1)
