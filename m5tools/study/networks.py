"""The network a cell names: SCALE or one that it is measured against."""

from __future__ import annotations

from m5tools.scale.network import Network
from m5tools.scale.networks import NETWORKS, check
from m5tools.study.config import Cell
from m5tools.study.rules import rule_of
from m5tools.study.world import SHAPE


def network_of(cell: Cell) -> Network:
    """The untrained network of a cell.

    Raises:
        UsageError: there is none of that name, or it cannot be trained as the cell asks.
    """
    learning = cell.learning
    shape = SHAPE.model_copy(update={"masked_heads": learning.heads})
    check(learning.model, rule_of(cell), learning.fused_share, learning.consensus_share, shape)
    return NETWORKS[learning.model](shape)
