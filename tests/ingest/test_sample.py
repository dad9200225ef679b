"""The draw of a sample."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.sample import drawn

# One entry a delivered row: the draw is a function of the id, so rows of one id share it; ids may share one by chance.
deliveries = st.dictionaries(
    st.text("0123456789abcdef", min_size=4, max_size=4),
    st.tuples(st.integers(0, 2**64 - 1) | st.integers(0, 3), st.booleans(), st.integers(1, 4)),
    max_size=12,
)


def staged(delivery: dict[str, tuple[int, bool, int]]) -> pl.DataFrame:
    rows = [(key, draw, by_content) for key, (draw, by_content, rows) in delivery.items() for _ in range(rows)]
    columns = {"product_id": pl.String, "draw": pl.UInt64, "by_content": pl.Boolean}
    return pl.DataFrame(rows, schema=columns, orient="row")


@given(deliveries, st.integers(1, 20), st.randoms(use_true_random=False))
def test_exactly_so_many_products_are_taken(delivery, limit, order) -> None:  # type: ignore[no-untyped-def]
    rows = staged(delivery)
    sample = drawn(rows, limit)
    kept = rows.filter(sample.kept())
    by_content = kept.filter("by_content").height
    by_id = kept.filter(~pl.col("by_content"))["product_id"].n_unique()
    there = sum(rows if by_content else 1 for _, by_content, rows in delivery.values())
    assert by_content + by_id == min(limit, there)
    # A product by id comes with all of its repeats, so that they can be told as rejects.
    for key, (_, is_content, copies) in delivery.items():
        if not is_content:
            assert kept.filter(pl.col("product_id") == key).height in (0, copies)
    shuffled = rows[order.sample(range(rows.height), rows.height)]
    assert drawn(shuffled, limit) == sample
