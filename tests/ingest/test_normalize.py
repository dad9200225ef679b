"""Values: what is surely read, and what stays text."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl
import pytest

from m5tools.ingest.normalize import identifiers, locations, price
from m5tools.ingest.normalize.attributes import attributes
from m5tools.ingest.normalize.moments import moments
from m5tools.ingest.normalize.text import clean, plain


def test_text_is_cleaned_and_blank_is_null() -> None:
    raw = ["  Ｃａｆé\u00a0 crème\t\n", " \u200b ", "", None, "a\x00b"]
    assert clean(pl.Series(raw)).to_list() == ["Café crème", None, None, None, "a b"]


def test_html_becomes_text_and_plain_text_stays() -> None:
    raw = ["<p>One</p><ul><li>Two &amp; three</li></ul>", "5 < 6 and 7 > 3", "AT&T", None, "<script>alert(1)</script>x"]
    found = plain(pl.Series("t", raw)).to_list()
    assert " ".join((found[0] or "").split()) == "One Two & three"
    assert found[1:4] == ["5 < 6 and 7 > 3", "AT&T", None]
    assert "<" not in (found[4] or "")


@pytest.mark.parametrize(
    ("value", "number", "unit"),
    [
        ("250 g", 250, "g"), ("1,5 L", 1.5, "l"), ("15.6″", 15.6, "in"), ("128GB", 128, "GB"), ("42", 42, None),
        ("1,500 g", None, None), ("2 x 250 g", None, None), ("50/60 Hz", None, None), ("red", None, None),
        ("5 parsecs", None, None), ("", None, None), (None, None, None),
    ],
)  # fmt: skip
def test_a_number_is_read_only_when_it_is_sure(value: str | None, number: float | None, unit: str | None) -> None:
    frame = pl.DataFrame({"name_raw": ["Size "], "value_raw": [value]}, schema_overrides={"value_raw": pl.String})
    row = attributes(frame).row(0, named=True)
    assert (row["number"], row["unit"], row["name"]) == (number, unit, "size")
    assert row["value_raw"] == value


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


@pytest.mark.parametrize(
    ("raw", "location"),
    [
        ("#https://a.com/x.jpg", "https://a.com/x.jpg"), ("//img.a.com/x.jpg", "https://img.a.com/x.jpg"),
        ("/m/x.jpg", "m/x.jpg"), ("./m\\x.jpg", "m/x.jpg"), ("../x.jpg", "../x.jpg"), ("file:///etc/passwd", "file:///etc/passwd"),
    ],
)  # fmt: skip
def test_locations_are_repaired(raw: str, location: str) -> None:
    assert pl.DataFrame({"l": [raw]}).select(locations.location(pl.col("l"))).item() == location


def test_equal_names_in_different_folders_are_different_files() -> None:
    paths = pl.Series(["https://a.com/p1/main.jpg", "https://a.com/p2/main.jpg", "p1/main.jpg", "p2/main.jpg"])
    assert locations.location_ids(paths, "shop").n_unique() == 4
    assert locations.location_ids(paths, "shop")[0] == locations.location_ids(paths, "other")[0]
    assert locations.location_ids(paths, "shop")[2] != locations.location_ids(paths, "other")[2]


def test_addresses_lose_what_does_not_name_the_page() -> None:
    url = "HTTPS://Shop.com/P/1/?b=2&utm_source=x&a=1#reviews"
    assert locations.canonical_url(url) == "https://shop.com/P/1?a=1&b=2"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://shop.com/#/item/1", "https://shop.com/#/item/2"),
        ("https://shop.com/#!/item/1", "https://shop.com/#!/item/2"),
        ("https://web.org/a/http://shop.com/1", "https://web.org/A/http://shop.com/1"),
        ("shop.com/1", "shop.com/2"),
    ],
)
def test_addresses_of_two_pages_stay_two(one: str, other: str) -> None:
    assert locations.canonical_url(one) != locations.canonical_url(other)


def test_a_price_beyond_all_numbers_is_none() -> None:
    frame = price.prices(pl.Series(["9" * 400, "$" + "9" * 400, "5"]), pl.Series(["USD"] * 3))
    assert frame["price"].to_list() == [None, None, 5.0]


def test_times_are_read_one_by_one() -> None:
    noon = datetime(2024, 10, 11, 12, 0, tzinfo=UTC)
    midnight = datetime(2024, 10, 11, tzinfo=UTC)
    expected = {
        "2024-10-11T12:00:00Z": noon, "2024-10-11 14:00:00.000+02:00": noon, "2024-10-11T12:00": noon,
        " 2024-10-11 12:00:00 ": noon, "2024-10-11T12:00Z": noon, "2024-10-11": midnight, "2024/10/11": midnight,
        "11/10/2024": None, "1728648000": None, "2024-13-11": None, "soon": None,
    }  # fmt: skip
    for texts in (list(expected), list(expected)[::-1]):
        found = pl.DataFrame({"t": texts}).select(moments(pl.col("t"))).to_series()
        assert dict(zip(texts, found, strict=True)) == expected
        assert found.dtype == pl.Datetime("us", "UTC")
