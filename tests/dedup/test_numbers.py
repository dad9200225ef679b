"""Numbers of products by their ids."""

from __future__ import annotations

import random

import polars as pl
import pytest

from m5tools.dedup.numbers import Numbers


@pytest.mark.parametrize("shared", [0, 16])
def test_numbers_come_back_as_ids(shared: int) -> None:
    """Also where many ids begin alike."""
    rng = random.Random(1)
    ids = pl.Series("id", sorted({f"{'ab' * shared:.16}{rng.getrandbits(128):032x}"[:32] for _ in range(500)}))
    some = ids.sample(200, seed=2)
    numbers = Numbers(ids).of(some)
    assert numbers.dtype == pl.UInt32
    assert numbers.to_list() == [ids.to_list().index(one) for one in some]
    assert Numbers(ids).ids(numbers).to_list() == some.to_list()


def test_no_products() -> None:
    none = pl.Series("id", [], dtype=pl.String)
    assert Numbers(none).of(none).is_empty()
