"""Batches of like length, so that little of a padded batch is padding.

A stretch of the shuffled order, `window` global batches long, is sorted by length and cut into batches; then the
batches of the whole epoch are shuffled. The wider the window, the more alike the lengths and the less random the
company a sample is in (Khomenko et al. 2016, "Accelerating recurrent neural network training using sequence
bucketing"; the pooled variant that fairseq and torchtext use).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.errors import UsageError
from m5tools.loader.ascending import ascending
from m5tools.loader.columns import Columns, numbers
from m5tools.loader.draws import Rows

Lengths = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Buckets:
    """How batches of like length are made.

    Attributes:
        by: `text` (characters, or bytes of the JSON member in an older index), `pixels` (of all pictures), `frames`,
            `seconds` (of sound), or the name of a numeric column of the index; null = 0.
        window: global batches that are sorted together.
    """

    by: str = "text"
    window: int = 64

    def lengths(self, index: Columns) -> Lengths:
        """float64 `[N]` for the rows of an index.

        Raises:
            UsageError: there is no such column, it holds no numbers, or the window is none.
        """
        if self.window < 1:
            raise UsageError(f"buckets: a window of {self.window} batches makes no sense")
        if self.by == "text" and "text_length" in index.column_names:
            return numbers(index, "text_length", "buckets", null=0.0)
        if self.by in _MEASURES:
            return _measured(index["members"], self.by)
        return numbers(index, self.by, f"buckets: beside {', '.join(_MEASURES)}", null=0.0)


_MEASURES: Final = {"text": None, "pixels": "image", "frames": "video", "seconds": "audio"}


def _measured(members: pa.ChunkedArray, by: str) -> Lengths:
    """float64 `[N]`: the sum of a measure over the members of one modality."""
    lists = members.combine_chunks()
    flat = lists.flatten()
    modality = flat.field("modality")
    wanted = _MEASURES[by]
    mine = modality.is_null() if wanted is None else pc.fill_null(pc.equal(modality, wanted), False)
    match by:
        case "text":
            value = flat.field("length")
        case "pixels":
            value = pc.multiply(pc.cast(flat.field("width"), pa.int64()), flat.field("height"))
        case "frames":
            value = pa.array(np.ones(len(flat)))
        case _:
            value = flat.field("duration_s")
    value = pc.if_else(mine, pc.fill_null(pc.cast(value, pa.float64()), 0.0), 0.0)
    samples = np.repeat(np.arange(len(lists)), pc.list_value_length(lists).to_numpy())
    return np.asarray(np.bincount(samples, value.to_numpy(), len(lists)), np.float64)


def alike(order: Rows, lengths: Lengths, stretch: int, part: Rows | None) -> Rows:
    """The order, each stretch of it sorted by length.

    Args:
        order: int64 `[E]`, rows.
        lengths: float64 `[N]` of rows.
        stretch: samples that are sorted together.
        part: int64 `[N]`, where every batch shall hold all datasets: each is sorted by itself, and they are laid
            between each other.
    """
    window = np.arange(len(order)) // stretch
    length = lengths[order]
    if part is None:
        return order[ascending(length, window)]
    group = window * (int(part.max(initial=0)) + 1) + part[order]
    sorted_ = ascending(length, group)
    counts = np.bincount(group)
    ordinal = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    evenly = (ordinal + 0.5) / counts[group[sorted_]]
    return order[sorted_][ascending(evenly, window[sorted_])]
