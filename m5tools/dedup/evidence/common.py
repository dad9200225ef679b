"""What pairs of products have in common: the tokens that both sides hold, found by merging sorted sets.

One merge tells all that is asked of a kind of tokens: how many are shared, which, and in which of two sets that are
laid out as one (the words of a title, the words of all that is said) each side holds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from m5tools.dedup.evidence.shingles import F64

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FIRST, SECOND = 1, 2
"""Marks of a token that is in the first or in the second of two sets; their sum of one that is in both."""
_BOTH: Final = FIRST | SECOND
_SPREAD: Final = np.array([0, 1, 4, 16], np.int8)
"""Marks of the one side, so that products with those of the other tell both."""
_PAIRS_AT_ONCE: Final = 8_192


@dataclass(frozen=True)
class Shared:
    """Tokens that both sides of m pairs hold.

    Attributes:
        each: int64 [m], how many of them each pair shares.
        columns: [k], the column of each in the sets, pair by pair.
        marks: int8 [k], the marks of both sides, multiplied.
    """

    each: Any
    columns: Any
    marks: Any

    @classmethod
    def of(cls, parts: Sequence[Shared]) -> Shared:
        """What several lists of pairs share, as one."""
        if not parts:
            return cls(np.empty(0, np.int64), np.empty(0, np.int32), np.empty(0, np.int8))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("each", "columns", "marks")))

    def held(self, one: int, other: int) -> Any:
        """bool [k]: tokens that the one side holds in its first or second set, and the other in its."""
        return _holding(one, other)[self.marks]

    def count(self, which: Any) -> Any:
        """int64 [m]: how many of some tokens (bool [k]) each pair shares."""
        return np.bincount(self._pair[which], minlength=len(self.each))

    def total(self, which: Any, values: Any) -> F64:
        """float64 [m]: the sum of the values of some tokens (bool [k]) that each pair shares."""
        found: F64 = np.bincount(self._pair[which], values, len(self.each)).astype(np.float64, copy=False)
        return found

    @cached_property
    def _pair(self) -> Any:
        return np.repeat(np.arange(len(self.each)), self.each)


def spread(sets: csr_array) -> csr_array:
    """Sets with marks as those of the one side of pairs."""
    found = sets.copy()
    found.data = _SPREAD[found.data]
    return found


def shared(left: csr_array, right: csr_array, a: Any, b: Any) -> Shared:
    """The tokens that pairs share.

    Args:
        left: sets of the one side, their marks spread.
        right: sets of the other.
        a, b: places of the pairs in these.
    """
    parts = []
    for i in range(0, len(a), _PAIRS_AT_ONCE):
        met = left[a[i : i + _PAIRS_AT_ONCE]].multiply(right[b[i : i + _PAIRS_AT_ONCE]])
        parts.append(Shared(np.diff(met.indptr).astype(np.int64), met.indices, met.data))
    return Shared.of(parts)


def _holding(one: int, other: int) -> Any:
    """For every product of marks, whether the sides hold such a token there."""
    table = np.zeros(int(_SPREAD[_BOTH]) * _BOTH + 1, bool)
    for mine in range(1, _BOTH + 1):
        for theirs in range(1, _BOTH + 1):
            table[int(_SPREAD[mine]) * theirs] = bool(mine & one) and bool(theirs & other)
    return table
