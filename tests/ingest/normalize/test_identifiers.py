"""Identifiers: what is surely one, and what is not."""

from __future__ import annotations

import polars as pl
import pytest

from m5tools.ingest.normalize import identifiers


@pytest.mark.parametrize(
    ("value", "gtin"),
    [
        ("4006381333931", "4006381333931"), ("4006381333930", None), ("0-306-40615-2", "9780306406157"),
        ("00000000", None),
        ("96385074", "96385074"), ("12345", None), (" 4006381-333931 ", "4006381333931"), (None, None), ("n/a", None),
    ],
)  # fmt: skip
def test_identifiers_need_their_check_digit(value: str | None, gtin: str | None) -> None:
    assert identifiers.gtins(pl.Series([value], dtype=pl.String)).to_list() == [gtin]


def test_product_ids_are_stable_and_occurrences_stay_in_their_partition() -> None:
    one = identifiers.product_id("shop", "id", "1")
    assert one == identifiers.product_id("shop", "id", "1")
    assert len({one, identifiers.product_id("shop2", "id", "1"), identifiers.product_id("shop", "url", "1")}) == 3
    again = identifiers.occurrence_id(one, 1)
    assert again != one
    assert again[:4] == one[:4]
