"""Several datasets in one epoch, in shares that are chosen rather than given by their sizes.

An epoch has as many samples as all datasets together. One whose share is smaller than its size gives a part of itself,
and the next epochs go on where it ended; one whose share is greater comes round more than once. With weights that are
no whole numbers the round itself changes from epoch to epoch, so a sample comes about as often as its weight says.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from m5tools.loader.ascending import ascending
from m5tools.loader.draws import Rows, shuffled


def allotment(total: int, shares: Sequence[float]) -> list[int]:
    """Whole numbers that add up to `total`, as near to the shares as can be (largest remainders, the first first)."""
    weights = np.asarray(shares, np.float64)
    exact = total * weights / weights.sum()
    counts = np.floor(exact).astype(np.int64)
    most = np.argsort(counts - exact, kind="stable")
    counts[most[: total - int(counts.sum())]] += 1
    return [int(c) for c in counts]


def mixed(copies: Rows, part: Rows, shares: Sequence[float], fingerprint: str, seed: int, epoch: int) -> Rows:
    """int64 `[N]`: how often each row comes in this epoch, so that every dataset has its share.

    Args:
        copies: how often it would come by its own weight.
        part: int64 `[N]`, the dataset of each row.
        shares: weight of each dataset.
        fingerprint, seed, epoch: what draws are a function of.
    """
    held = np.bincount(part, copies, len(shares)).astype(np.int64).tolist()
    shares = [share if has else 0.0 for share, has in zip(shares, held, strict=True)]
    out = np.zeros_like(copies)
    if not any(shares):
        return out
    for number, (has, wanted) in enumerate(zip(held, allotment(sum(held), shares), strict=True)):
        if not wanted:
            continue
        rounds, rest = divmod(wanted, has)
        mine = np.flatnonzero(part == number)
        ring = np.repeat(mine, copies[mine])[shuffled(has, fingerprint, seed, "part", number)]
        begin = epoch * rest % has
        some = np.concatenate([ring[begin : begin + rest], ring[: max(0, begin + rest - has)]])
        out[mine] = copies[mine] * rounds
        out += np.bincount(some, minlength=len(out))
    return out


def spread(order: Rows, part: npt.NDArray[np.int64]) -> Rows:
    """An order in which every stretch holds the datasets in the shares of the whole, each in its own order.

    Args:
        order: int64 `[E]`, rows.
        part: int64 `[N]`, the dataset of each row.
    """
    return order[ascending(_evenly(part[order]))]


def _evenly(groups: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """float64 `[E]`: the j-th of the n members of a group is at (j + ½) / n."""
    order = ascending(groups)
    counts = np.bincount(groups)
    ordinal = np.empty(len(groups), np.int64)
    ordinal[order] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.asarray((ordinal + 0.5) / counts[groups])
