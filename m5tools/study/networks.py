"""The network a cell names: SCALE or one that it is measured against."""

from __future__ import annotations

from m5tools.errors import UsageError
from m5tools.scale.network import Network
from m5tools.scale.networks import NETWORKS
from m5tools.study.config import Cell
from m5tools.study.world import SHAPE


def network_of(cell: Cell) -> Network:
    """The untrained network of a cell.

    Raises:
        UsageError: there is none of that name.
    """
    learning = cell.learning
    if learning.model not in NETWORKS:
        raise UsageError(f"no model '{learning.model}'; there are {', '.join(NETWORKS)}")
    return NETWORKS[learning.model](SHAPE.model_copy(update={"masked_heads": learning.heads}))
