"""Prices: what is surely one, in which currency, and what is no price."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.ingest.normalize import price
from m5tools.ingest.normalize.currency import country_of, currency_of

Row = tuple[str | None, str | None, str | None, str | None]


def read(*rows: Row) -> list[tuple[float | None, str | None]]:
    columns = [pl.Series([row[i] for row in rows], dtype=pl.String) for i in range(4)]
    return price.prices(*columns).rows()


@pytest.mark.parametrize(
    ("raw", "given", "amount", "currency"),
    [
        ("19.99", "EUR", 19.99, "EUR"), ("$1,299.00", None, 1299.0, "USD"), ("1.299,00 €", None, 1299.0, "EUR"),
        ("2 for $5", None, None, "USD"), ("ask", None, None, None), (None, "usd", None, "USD"), ("7", "?", 7.0, None),
        ("CHF 1’299.–", None, 1299, "CHF"), ("139,99", None, 139.99, None), ("₹1,29,900", None, 129900, "INR"),
        ("Rp 16.499.000", None, 16499000, "IDR"), ("Rp16.499.000", None, 16499000, "IDR"), ("€ 1.299", None, 1299, "EUR"),
        ("$1,299", None, 1299, "USD"), ("1 299 Kč", None, 1299, "CZK"), ("1 299,50 zł", None, 1299.5, "PLN"),
        ("99€90", None, 99.9, "EUR"), ("5,- €", None, 5, "EUR"), ("12.50", "€", 12.5, "EUR"), ("USD 5.00", None, 5, "USD"),
        ("5.00 USD", "EUR", 5, "EUR"), ("KWD 1.250", None, None, "KWD"), ("KWD 12.5", None, 12.5, "KWD"),
        ("1.299", None, 1.299, None), ("10 – 20 €", None, 10, "EUR"), ("$10.00 - $20.00", None, 10, "USD"), ("from $5", None, 5, "USD"),
        ("ab 5,99 €", None, 5.99, "EUR"), ("20 %", None, None, None), ("5 €/kg", None, None, "EUR"), ("5,99 € inkl. MwSt.", None, 5.99, "EUR"),
        ("-5 €", None, None, "EUR"), ("", None, None, None), ("RM49.90", None, 49.9, "MYR"), ("US $12.00", None, 12, "USD"),
        ("$5 $3", None, None, "USD"), ("2024-05-06", None, None, None), ("1,5", "EUR", 1.5, "EUR"), ("1e5", None, None, None),
        ("2.794000000000000e+01", "MYR", 27.94, "MYR"), ("27.900000000000002", None, 27.900000000000002, None),
        ("$-5.00", None, None, "USD"), ("(5.00)", None, None, None), ("$1.2k", None, None, "USD"), ("$1M", None, None, "USD"),
        ("12.5 million", None, None, None), ("99¢", None, None, None), ("50 ct", None, None, None), ("[19,99]", None, None, None),
        ("5.00 USD per month", None, None, "USD"), ("$10-$20", None, 10, "USD"), ("10 €-15 €", None, 10, "EUR"),
    ],
)  # fmt: skip
def test_prices(raw: str | None, given: str | None, amount: float | None, currency: str | None) -> None:
    assert read((raw, given, None, None)) == [(amount, currency)]


def test_the_locale_decides_what_three_digits_are() -> None:
    assert read(("1.299", "EUR", None, ","), ("1.299", "EUR", None, "."), ("12.5", "EUR", None, ",")) == [
        (1299, "EUR"), (1.299, "EUR"), (12.5, "EUR"),
    ]  # fmt: skip
    assert read(("€1,299", None, None, ","), ("€1,299", None, None, ".")) == [(1.299, "EUR"), (1299, "EUR")]


def test_the_domain_decides_whose_dollar_it_is() -> None:
    shops = ["https://a.ca/p", "https://a.com.au/p", "https://a.com/p", "http://a.se:80/x", "https://a.cn", None]
    assert [country_of(domain) for domain in ("ca", "CO", None)] == ["ca", "", ""]
    rows = [("$5", None, shops[0], None), ("$5", None, shops[1], None), ("$5", None, shops[2], None), ("5 kr", None, shops[3], None),
            ("5 kr", None, shops[2], None), ("¥5", None, shops[4], None), ("¥5", None, None, None), ("€5", None, shops[0], None)]  # fmt: skip
    assert [c for _, c in read(*rows)] == ["CAD", "AUD", "USD", "SEK", None, "CNY", "JPY", "EUR"]


def test_a_price_beyond_all_numbers_is_none() -> None:
    found = read(("9" * 400, "USD", None, None), ("$" + "9" * 400, "USD", None, None), ("5", "USD", None, None))
    assert [amount for amount, _ in found] == [None, None, 5.0]


STYLES = {"{s}{:,.2f}": "$", "{:,.2f} {s}": "USD", "{s} {:,.2f}": "£"}


@settings(max_examples=200, deadline=None)
@given(cents=st.integers(0, 10**9), style=st.sampled_from([*STYLES]), swap=st.booleans())
def test_what_is_written_is_read(cents: int, style: str, swap: bool) -> None:
    text = style.format(cents / 100, s=STYLES[style])
    if swap:
        text = text.translate(str.maketrans(",.", ".,"))
    assert read((text, None, None, None)) == [(cents / 100, currency_of(STYLES[style]))]


PRICES = st.one_of(
    st.none(),
    st.sampled_from(["1.299", "$5", "5 kr", "1.299,00 €", "KWD 1.250", "ask", "2 for $5"]),
    st.text(max_size=8),
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(PRICES, st.sampled_from([None, "EUR", "€", "?"]), st.sampled_from([None, "https://a.se/"]),
                               st.sampled_from([None, ",", "."])), max_size=6))  # fmt: skip
def test_no_price_depends_on_its_neighbours(rows: list[Row]) -> None:
    assert (read(*rows) if rows else []) == [read(row)[0] for row in rows]
