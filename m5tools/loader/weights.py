"""How often a sample comes in an epoch: repeat factors, by the frequency of its class or from a column of one's own.

A factor of 2.3 means two copies in every epoch, and a third in three of ten: a coin decides, seeded by (seed, epoch,
row). So an epoch is finite, its samples can be counted before it begins, and it can be resumed like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from m5tools import balancing
from m5tools.errors import UsageError
from m5tools.loader.columns import Columns, column, numbers
from m5tools.loader.draws import Rows, uniform

_LONGEST: Final = 10**9
"""Samples of an epoch up to which its order is laid out, whatever the factors."""
_REPEATED: Final = 10
"""Beyond, so many times those that there are."""

Factors = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LongTail:
    """Repeat factors by class frequency: `max(1, sqrt(threshold / frequency))`, capped.

    Gupta, Dollár & Girshick 2019, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", section 5.1 and
    appendix B.3; the cap is ours, for a class of one sample would come hundreds of times. Frequencies are those of
    what the loader delivers. A sample without a class comes once.

    Attributes:
        threshold: classes with a smaller share of the samples are repeated.
        cap: no sample comes more often than this, on average.
        by: column of the index that holds the class.
    """

    threshold: float = 1e-3
    cap: float = 10.0
    by: str = "category"

    def factors(self, index: Columns) -> Factors:
        """float64 `[N]` for the rows of an index.

        Raises:
            UsageError: there is no such column, or the numbers make no sense.
        """
        if not (0 < self.threshold <= 1 and self.cap >= 1):
            raise UsageError(f"threshold {self.threshold:g} must be in 0 … 1, and cap {self.cap:g} not below 1")
        codes = column(index, self.by, "weights").combine_chunks().dictionary_encode().indices
        known = codes.is_valid().to_numpy(zero_copy_only=False)
        classes = np.asarray(codes.fill_null(0).to_numpy(), np.int64)
        frequency = np.bincount(classes[known], minlength=1) / max(1, len(classes))
        factor = balancing.repeat_factor(frequency, self.threshold, self.cap)
        return np.where(known, factor[classes] if len(classes) else 1.0, 1.0)


def repeat_factors(index: Columns, weights: LongTail | str) -> Factors:
    """float64 `[N]`: how often each row of an index comes in an epoch, on average.

    Args:
        index: columns of a shard index.
        weights: a rule, or the name of a numeric column that holds the factors; null = 1.

    Raises:
        UsageError: there is no such column, it holds what is no factor, or an epoch of these has no end.
    """
    if isinstance(weights, LongTail):
        return weights.factors(index)
    factors = numbers(index, weights, "weights", null=1.0)
    if not (np.isfinite(factors) & (factors >= 0)).all():
        raise UsageError(f"weights: the column '{weights}' holds a negative or infinite factor")
    most = max(_LONGEST, _REPEATED * len(factors))
    if factors.max(initial=0.0) > most or factors.sum() > most:
        raise UsageError(f"weights: the factors of '{weights}' make an epoch of more than {most:,} samples; lower them")
    return factors


def copies(factors: Factors, fingerprint: str, seed: int, epoch: int) -> Rows:
    """int64 `[N]`: how often each row comes in this epoch."""
    whole = np.floor(factors)
    coin = uniform(np.arange(len(factors)), fingerprint, seed, epoch, "copies")
    return (whole + (coin < factors - whole)).astype(np.int64)
