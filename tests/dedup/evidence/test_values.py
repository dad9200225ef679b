"""Values that two tables hold: under whatever name, each once, and those apart that are usual."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from m5tools.dedup.evidence.common import shared, spread
from m5tools.dedup.evidence.values import in_values, value_sets

_FACT = st.tuples(st.lists(st.sampled_from("vwxyz"), max_size=3, unique=True), st.booleans(), st.booleans())
_TABLES = st.lists(st.lists(_FACT, max_size=4), min_size=1, max_size=4)


@given(_TABLES)
def test_what_tables_share_is_what_sets_of_texts_share(tables: list[list[tuple[list[str], bool, bool]]]) -> None:
    rows = [(i, values, option) for i, table in enumerate(tables) for values, option, _ in table]
    schema = {"product": pl.UInt32, "values": pl.List(pl.String), "option": pl.Boolean}
    usual = [often for table in tables for values, _, often in table for _ in values]
    sets = value_sets(pl.DataFrame(rows, schema=schema, orient="row"), np.array(usual, bool), len(tables))
    one, other = (np.array(side).ravel() for side in np.indices((len(tables), len(tables))))
    sizes = np.diff(sets.indptr)
    found = in_values(shared(spread(sets)[one], sets[other]), sizes[one], sizes[other])

    held = [{value for values, option, _ in table if not option for value in values} for table in tables]
    often = [{v for values, option, usual in table if not option and usual for v in values} for table in tables]
    for i, j, agreeing, fewest in zip(one, other, found["values_agreeing"], found["values_fewest"], strict=True):
        both, left = held[i] & held[j], (held[i] & held[j]) & (often[i] | often[j])
        assert agreeing == len(both - left)
        assert fewest == min(len(held[i]), len(held[j])) - len(left)
