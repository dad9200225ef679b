"""Prices: what is surely one, in which currency, and what is no price."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import currency_table
from m5tools import resources
from m5tools.ingest.normalize import price
from m5tools.ingest.normalize.currency import THOUSANDTHS, country_of, currency_of

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
        ("5.00 USD", "EUR", 5, "EUR"), ("KWD 1.250", None, 1.25, "KWD"), ("KWD 12.5", None, 12.5, "KWD"),
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


@pytest.mark.parametrize(
    ("raw", "amount", "currency"),
    [
        # Currencies of a thousand parts, under their marks; the sign that sets off the parts is the country's.
        ("KD 12.500", 12.5, "KWD"), ("12.500 KD", 12.5, "KWD"), ("1.250 د.ك", 1.25, "KWD"), ("1.250 د.ك.\u200f", 1.25, "KWD"),
        ("BD 5.750", 5.75, "BHD"), ("OMR 12.500", 12.5, "OMR"), ("12.500 ر.ع.", 12.5, "OMR"), ("JD 3.500", 3.5, "JOD"),
        ("1,250 DT", 1.25, "TND"), ("1 299,000 DT", 1299, "TND"), ("KD 1,250.500", 1250.5, "KWD"), ("KD 5", 5, "KWD"), ("12,5 KD", 12.5, "KWD"),
        ("1.250 DT", None, "TND"), ("1,250 KD", None, "KWD"), ("25,000 IQD", None, "IQD"), ("LD 1.250", None, "LYD"), ("1 250 DT", 1250, "TND"),
        # Marks of dollars and crowns, and two signs around one amount.
        ("COP $ 129.900", 129900, "COP"), ("$ 129.900 COP", 129900, "COP"), ("$12.00 MXN", 12, "MXN"), ("CLP$ 12.990", 12990, "CLP"),
        ("MX$ 1,299.00", 1299, "MXN"), ("CA$ 12.99", 12.99, "CAD"), ("CA $12.99", 12.99, "CAD"), ("5,00 $ CA", 5, "CAD"), ("R$ 1.299,90", 1299.9, "BRL"),
        ("€12 EUR", 12, "EUR"), ("USD $5.00", 5, "USD"), ("kr. 1.299,00", 1299, None), ("1 299 kr.", 1299, None), ("DKK 5 kr.", 5, "DKK"),
        ("Dhs 99", 99, "AED"), ("QR 125", 125, "QAR"), ("S/. 12.90", 12.9, "PEN"), ("KSh1,250.00", 1250, "KES"), ("99.90zl", 99.9, "PLN"),
        ("GH₵ 50.00", 50, "GHS"), ("E£ 250", 250, "EGP"), ("￥128.00元", 128, "CNY"), ("5 000 FCFA", 5000, None), ("دينار 5", 5, None),
        # What a unit of it costs, in brackets.
        ("19,99 € (2,00 €/100 g)", 19.99, "EUR"), ("19,99 € (1 kg = 5,99 €)", 19.99, "EUR"), ("$3.99 ($0.25 / Count)", 3.99, "USD"),
        ("19,99 € (2,00 € pro Liter)", 19.99, "EUR"), ("19.99 EUR/kg", None, "EUR"), ("99 kr (5 kr/st)", 99, None), ("(2,00 €/100 g)", None, None),
        # Cents set small, digits of other scripts, footnotes, a bare part of one.
        ("$12 99", 12.99, "USD"), ("$12⁹⁹", 12.99, "USD"), ("12⁹⁹ €", 12.99, "EUR"), ("$1,299 99", 1299.99, "USD"), ("12 €99", 12.99, "EUR"),
        ("19,99 €¹", 19.99, "EUR"), ("19,99² €", 19.99, "EUR"), ("20 25", None, None), ("1299 99", None, None), ("$5 3", None, "USD"),
        ("١٢٫٥٠ د.إ", 12.5, "AED"), ("٥٠ ريال", 50, None), ("$.75", 0.75, "USD"), (",99 €", 0.99, "EUR"), ("Fr.12.50", 12.5, "CHF"),
        ("税込 1,280円", 1280, "JPY"), ("128元起", 128, "CNY"), ("1\u2009299,50\u00a0zł", 1299.5, "PLN"), ("1\u202f299 €", 1299, "EUR"),
        # Letters inside words are no currency, brackets without one no unit price.
        ("Leather case 18.99", 18.99, None), ("DTC-3 20", None, None), ("now only 5 EUR", 5, "EUR"), ("1PC(50m/164ft)", None, None), ("5 (2/3)", None, None), (",38", None, None), (".75", 0.75, None),
        # Of several prices the lowest, as before; two that contradict each other are none.
        ("$5–$9", 5, "USD"), ("from $5", 5, "USD"), ("US$5.99 - US$7.99", 5.99, "USD"), ("$12 EUR", None, None), ("€5 £4", None, "EUR"),
    ],
)  # fmt: skip
def test_prices_of_many_countries(raw: str, amount: float | None, currency: str | None) -> None:
    assert read((raw, None, None, None)) == [(amount, currency)]


def test_a_sign_of_several_countries_goes_by_the_domain() -> None:
    shops = {"com.co": "COP", "com.mx": "MXN", "co.nz": "NZD", "cl": "CLP", "co": "USD", "de": "USD"}
    rows: list[Row] = [("$ 5", None, f"https://shop.{domain}/p", None) for domain in shops]
    assert [currency for _, currency in read(*rows)] == [*shops.values()]
    others = [("5 kr.", "dk", "DKK"), ("Rs 5", "pk", "PKR"), ("5 ريال", "qa", "QAR"), ("دينار 5", "com.kw", "KWD"), ("R 5", "co.za", "ZAR"),
              ("£5", "com.eg", "EGP"), ("₨ 5", "np", "NPR"), ("Bs 5", "bo", "BOB"), ("5 р.", "by", "RUB")]  # fmt: skip
    found = read(*((raw, None, f"https://shop.{domain}", None) for raw, domain, _ in others))
    assert found == [(5, currency) for _, _, currency in others]


def test_the_table_of_currencies_is_the_one_its_source_gives() -> None:
    file = resources.folder("schemas") / "currencies.json"
    assert file.read_text(encoding="utf-8") == currency_table.table()
    decimals = {code: about["decimals"] for code, about in json.loads(currency_table.table())["currencies"].items()}
    assert {code for code, digits in decimals.items() if digits == 3} == THOUSANDTHS


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
