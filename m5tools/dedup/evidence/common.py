"""What pairs of products have in common: the tokens that both sides hold, found by merging sorted sets.

One merge tells all that is asked of a kind of tokens: how many are shared, which, and in which of two sets that are
laid out as one (the words of a title, the words of all that is said) each side holds them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_array

FIRST, SECOND = 1, 2
"""Marks of a token that is in the first or in the second of two sets; their sum of one that is in both."""
_BOTH: Final = FIRST | SECOND
_SPREAD: Final = np.array([0, 1, 4, 16], np.int8)
"""Marks of the one side, so that products with those of the other tell both."""


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

    def held(self, one: int, other: int) -> Any:
        """bool [k]: tokens that the one side holds in its first or second set, and the other in its."""
        return _holding(one, other)[self.marks]

    def count(self, which: Any) -> Any:
        """int64 [m]: how many of some tokens (bool [k]) each pair shares."""
        return self.total(which.astype(np.int64))

    def total(self, values: Any) -> Any:
        """[m]: the sum of the values [k] of the tokens that each pair shares."""
        found = np.zeros(len(self.each), values.dtype)
        some = self.each > 0
        if len(values):
            found[some] = np.add.reduceat(values, (np.cumsum(self.each) - self.each)[some])
        return found


def spread(sets: csr_array) -> csr_array:
    """Sets with marks as those of the one side of pairs."""
    found = sets.copy()
    found.data = _SPREAD[found.data]
    return found


def shared(one: csr_array, other: csr_array) -> Shared:
    """The tokens that pairs share.

    Args:
        one: sets of the one side, a row a pair, their marks spread.
        other: sets of the other.
    """
    met = one.multiply(other)
    return Shared(np.diff(met.indptr), met.indices, met.data)


@cache
def _holding(one: int, other: int) -> Any:
    """For every product of marks, whether the sides hold such a token there."""
    table = np.zeros(int(_SPREAD[_BOTH]) * _BOTH + 1, bool)
    for mine in range(1, _BOTH + 1):
        for theirs in range(1, _BOTH + 1):
            table[int(_SPREAD[mine]) * theirs] = bool(mine & one) and bool(theirs & other)
    return table
