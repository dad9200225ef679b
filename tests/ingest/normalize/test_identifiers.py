"""Identifiers: what is surely one, and what is not."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m5tools.ingest.normalize import identifiers


@pytest.mark.parametrize(
    ("value", "gtin"),
    [
        ("4006381333931", "4006381333931"), ("4006381333930", None), ("0-306-40615-2", "9780306406157"),
        ("00000000", None),
        ("96385074", "96385074"), ("12345", None), (" 4006381-333931 ", "4006381333931"), (None, None), ("n/a", None),
        ("EAN: 4006381333931", "4006381333931"), ('="4006381333931"', "4006381333931"), ("'4006381333931", "4006381333931"),
        ("4006381333931.0", "4006381333931"), ("4.00638E+12", None), ("4.006381333931E+12", None), ("4006381333931.5", None),
        ("41165125054", "041165125054"), ("41165125055", None), ("4012345678901", None), ("2012345000001", None), ("2000000000008", None),
        ("10013700836388", "10013700836388"), ("ISBN-13: 978-0-306-40615-7", "9780306406157"), ("4006381333931, 4006381333948", None),
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


def test_codes_lose_what_names_only_their_kind() -> None:
    raw = [
        "MPN: AB-12",
        "Art.-Nr.: 77",
        "SKU#5",
        "n/a",
        "0",
        "000",
        "-",
        "Does not apply",
        "AB 12",
        '="0012"',
        None,
        "Model T",
        "modelo",
    ]
    assert identifiers.codes(pl.Series(raw)).to_list() == [
        "AB-12", "77", "5", None, None, None, None, None, "AB 12", "0012", None, "Model T", "modelo",
    ]  # fmt: skip


@given(st.text("0123456789", min_size=12, max_size=12))
def test_a_wrong_digit_is_found(body: str) -> None:
    whole = body + identifiers.check_digit(body)
    found = identifiers.gtin_of(whole)
    assert found in (whole, None)
    for wrong in "0123456789":
        if wrong != whole[-1]:
            assert identifiers.gtin_of(body + wrong) is None


NUMBERS = st.one_of(
    st.none(), st.text("0123456789X", max_size=15), st.text("0123456789", min_size=7, max_size=13).map(lambda b: b + identifiers.check_digit(b)),
    st.sampled_from(["0306406152", "080442957X", "41165125054", "00000000", "2000000000008", "4012345678901"]),
)  # fmt: skip


@given(st.lists(NUMBERS, max_size=8))
def test_columns_and_single_numbers_are_read_alike(values: list[str | None]) -> None:
    found = identifiers.gtins(pl.Series(values, dtype=pl.String)).to_list()
    assert found == [None if value is None else identifiers.gtin_of(value) for value in values]
