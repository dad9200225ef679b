"""Items of unequal length, as a batch holds them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor


@dataclass(frozen=True)
class Ragged:
    """Items of unequal length laid end to end.

    Item `i` is `data[offsets[i]:offsets[i + 1]]` and belongs to sample `row[i]`; items are ordered by sample.

    Attributes:
        data: any dtype, first dimension is the concatenated length.
        offsets: int64 `[items + 1]`, starts at 0.
        row: int64 `[items]`, the sample of each item, ascending.
    """

    data: Tensor
    offsets: Tensor
    row: Tensor

    def __len__(self) -> int:
        return int(self.row.numel())

    def __iter__(self) -> Iterator[Tensor]:
        return (self.data[a:b] for a, b in pairwise(self.offsets.tolist()))
