"""Which products stand in some pair, marked once in a process: pairs are of all partitions, and each of them asks."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.gathered import Gathered

PAIRS = "pairs"


def paired(gathered: Gathered, partition: int) -> pl.Series:
    """The rows of a partition that stand in some pair, counted from 0, ascending."""
    first, beyond = gathered.offsets()[partition : partition + 2]
    # The folder tells whether pairs were found anew.
    made = (gathered.scratch / PAIRS).stat()
    marks = _marked(gathered, made.st_ino, made.st_mtime_ns)
    return pl.Series("row", np.flatnonzero(marks[first:beyond]), dtype=pl.UInt32)


@lru_cache(maxsize=1)
def _marked(gathered: Gathered, *made: int) -> Any:
    """bool [products]: whether each stands in some pair."""
    marks = np.zeros(gathered.offsets()[-1], bool)
    for name in gathered.names(PAIRS):
        pairs = gathered.mapped(PAIRS, name)
        for side in ("a", "b"):
            marks[pairs[side].to_numpy()] = True
    return marks
