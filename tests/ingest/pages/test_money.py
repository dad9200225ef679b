"""Prices as people write them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.pages.money import currency_of, money


@pytest.mark.parametrize(
    ("text", "amount", "currency"),
    [
        ("1.299,00 €", "1299.00", "EUR"), ("CHF 1’299.–", "1299", "CHF"), ("1 299,50 Kč", "1299.50", "CZK"),
        ("Rs. 1,29,000", "129000", "INR"), ("from $5", "5", "USD"), ("10 – 20 €", "10", "EUR"), ("19,–", "19", None),
        ("-20 % 15,99 €", "15.99", "EUR"), ("$1,299", "1299", "USD"), ("1.299 €", "1299", "EUR"), ("99€90", "99.90", "EUR"),
        ("KWD 1.250", "1.250", "KWD"), ("0.995", "0.995", None), ("1299.000", "1299.000", None), ("£1,234.50", "1234.50", "GBP"),
        ("249 kr.", "249", "SEK"), ("99 ر.س", "99", "SAR"), ("1 234 567 ₫", "1234567", "VND"), ("12 990 Ft", "12990", "HUF"),
        ("1\u202f299,00\u00a0zł", "1299.00", "PLN"), ("R$ 1.234,56", "1234.56", "BRL"), ("US $12.44", "12.44", "USD"),
    ],
)  # fmt: skip
def test_a_price_is_read_as_its_country_writes_it(text: str, amount: str, currency: str | None) -> None:
    found = money(text)
    assert found is not None
    assert found == (Decimal(amount), currency)


@pytest.mark.parametrize("text", ["", "ask", "2 for $5", "3 x 10 €", "20 %", "€", "1.2.3.4", "x" * 300 + "5 €"])
def test_what_may_be_something_else_is_no_price(text: str) -> None:
    assert money(text) is None


@pytest.mark.parametrize(
    ("text", "code"), [("park", None), ("Euro", "EUR"), ("pln", "PLN"), ("in EUR", "EUR"), ("kr", "SEK")]
)
def test_currencies_are_words_not_parts_of_words(text: str, code: str | None) -> None:
    assert currency_of(text) == code


@given(st.text(max_size=60))
def test_no_text_raises(text: str) -> None:
    found = money(text)
    assert found is None or found.amount >= 0
