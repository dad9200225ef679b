"""Dense views of a batch, made when they are asked for, on the device where the batch is.

They cost no host memory and no transfer: what crosses to the device is only what is there, and it is laid out there.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from m5tools.loader.ragged import Ragged


@dataclass(frozen=True)
class Dense:
    """Items in a rectangle.

    Attributes:
        data: the items, 0 where there is none.
        mask: bool, the leading dimensions of `data`; True where there is something.
    """

    data: Tensor
    mask: Tensor


def dense(part: Ragged, samples: int, most: int) -> Dense:
    """The elements of each sample in a row: `[B, most, …]`; items of a sample follow each other.

    Args:
        part: the items; pictures, frames, bytes or sound samples are its elements.
        samples: `B`.
        most: elements of a sample that are kept, from its first on.
    """
    row = torch.repeat_interleave(part.row, part.offsets.diff())
    return _laid(part.data, row, samples, most)


def by_item(part: Ragged, most: int) -> Dense:
    """The elements of each item in a row: `[items, most, …]`."""
    item = torch.repeat_interleave(torch.arange(len(part), device=part.row.device), part.offsets.diff())
    return _laid(part.data, item, len(part), most)


def _laid(data: Tensor, row: Tensor, rows: int, most: int) -> Dense:
    """Elements in their rows, in order; `row` is ascending."""
    counts = torch.bincount(row, minlength=rows)
    column = torch.arange(len(row), device=row.device) - torch.repeat_interleave(counts.cumsum(0) - counts, counts)
    kept = column < most
    row, column = row[kept], column[kept]
    out = data.new_zeros((rows, most, *data.shape[1:]))
    out[row, column] = data[kept]
    mask = torch.zeros((rows, most), dtype=torch.bool, device=data.device)
    mask[row, column] = True
    return Dense(out, mask)


def normalised(pictures: Tensor, mean: tuple[float, ...], std: tuple[float, ...], dtype: torch.dtype) -> Tensor:
    """uint8 `[…, 3, S, S]` → `(x / 255 − mean) / std`, a number for each channel.

    Args:
        pictures: RGB.
        mean, std: of each channel, for values in 0 … 1.
        dtype: of the result; it is computed in float32.
    """
    scale = torch.tensor([1 / (255 * s) for s in std], device=pictures.device)[:, None, None]
    shift = torch.tensor([m / s for m, s in zip(mean, std, strict=True)], device=pictures.device)[:, None, None]
    return (pictures * scale - shift).to(dtype)
