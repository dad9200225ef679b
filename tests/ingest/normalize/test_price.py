"""Prices."""

from __future__ import annotations

import polars as pl
import pytest

from m5tools.ingest.normalize import price


@pytest.mark.parametrize(
    ("raw", "given", "amount", "currency"),
    [
        ("19.99", "EUR", 19.99, "EUR"), ("$1,299.00", None, 1299.0, "USD"), ("1.299,00 €", None, 1299.0, "EUR"),
        ("2 for $5", None, None, "USD"), ("ask", None, None, None), (None, "usd", None, "USD"), ("7", "?", 7.0, None),
    ],
)  # fmt: skip
def test_prices(raw: str | None, given: str | None, amount: float | None, currency: str | None) -> None:
    frame = price.prices(pl.Series([raw], dtype=pl.String), pl.Series([given], dtype=pl.String))
    assert frame.row(0) == (amount, currency)


def test_a_price_beyond_all_numbers_is_none() -> None:
    frame = price.prices(pl.Series(["9" * 400, "$" + "9" * 400, "5"]), pl.Series(["USD"] * 3))
    assert frame["price"].to_list() == [None, None, 5.0]
