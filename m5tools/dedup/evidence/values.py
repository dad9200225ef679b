"""Values that two tables both hold, whatever they call them: shops name the same thing differently.

What a table holds is made once into a set of numbers (32 bits, as of words), so that two are merged as they lie.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from m5tools.dedup.evidence.common import FIRST, SECOND, Shared
from m5tools.dedup.evidence.shingle_matrix import held
from m5tools.dedup.evidence.shingle_sets import ShingleSets

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_HALF = np.uint64(32)
TELLING, COMMON = FIRST, SECOND
"""Marks of a value: it tells something, or most who list its name say it (:mod:`m5tools.dedup.evidence.usual`)."""


def value_sets(facts: pl.DataFrame, usual: Any, products: int) -> csr_array:
    """The values of products under names that are no option, each marked `TELLING` or `COMMON`.

    Args:
        facts: columns product (ascending from 0), values and option.
        usual: bool, whether each of the values is, fact by fact.
        products: how many there are.
    """
    sizes = facts["values"].list.len().to_numpy()
    plain = np.repeat(~facts["option"].to_numpy(), sizes)
    product = np.repeat(facts["product"].to_numpy(), sizes)[plain].astype(np.uint64)
    hashes = facts["values"].explode(empty_as_null=False).hash(0).to_numpy()[plain]
    keys = product << _HALF | hashes >> _HALF
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1])[: len(keys)])
    # One value under two names is usual if it is under either.
    often = np.logical_or.reduceat(usual[plain][order], first) if len(first) else np.empty(0, bool)
    keys = keys[first]
    offsets = np.searchsorted(keys, np.arange(products + 1, dtype=np.uint64) << _HALF)
    return held(ShingleSets(keys.astype(np.uint32), offsets), np.where(often, COMMON, TELLING).astype(np.int8))


def in_values(shared: Shared, one: Any, other: Any) -> dict[str, Any]:
    """What the values of pairs have in common.

    Args:
        shared: what both sides of m pairs hold of :func:`value_sets`.
        one, other: int [m], how many values each side holds.

    Returns:
        `values_agreeing` (uint32 [m]: values of both, less those that are usual of a side) and `values_fewest` (uint32
        [m]: values of the side with fewer, less what both hold and is usual).
    """
    agreeing = shared.count(shared.held(TELLING, TELLING))
    left_out = shared.each - agreeing
    fewest = np.minimum(one, other) - left_out
    return {"values_agreeing": agreeing.astype(np.uint32), "values_fewest": fewest.astype(np.uint32)}
