"""What two sides share, against plain Python sets."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from m5tools.dedup.evidence.common import FIRST, SECOND, shared, spread
from m5tools.dedup.evidence.shingle_matrix import in_columns, shingles_in
from m5tools.dedup.evidence.tokens import sets_of

TOKENS = st.frozensets(st.sampled_from([0, 1, 2, 7, 2**31 - 1, 2**31, 2**32 - 2]))


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=6))
def test_tokens_are_shared_as_sets_are(products: list[tuple[frozenset[int], frozenset[int]]]) -> None:
    lists = [pl.Series([sorted(sets[which]) for sets in products], dtype=pl.List(pl.UInt32)) for which in (0, 1)]
    both = in_columns(sets_of(lists[0]), FIRST) + in_columns(sets_of(lists[1]), SECOND)
    a, b = (side.ravel() for side in np.mgrid[: len(products), : len(products)])
    found = shared(spread(both)[a], both[b])
    for one, mark in ((0, FIRST), (1, SECOND)):
        for other, theirs in ((0, FIRST), (1, SECOND)):
            common = [products[i][one] & products[j][other] for i, j in zip(a, b, strict=True)]
            held = found.held(mark, theirs)
            assert found.count(held).tolist() == [len(tokens) for tokens in common]
            sums = found.total(shingles_in(found.columns).astype(np.float64) * held)
            assert sums.tolist() == [sum(tokens) for tokens in common]
    anywhere = [
        len((products[i][0] | products[i][1]) & (products[j][0] | products[j][1])) for i, j in zip(a, b, strict=True)
    ]
    assert found.each.tolist() == anywhere
