"""Columns of attributes: every value by itself, the same by columns and one by one, names that tell about values."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.ingest.normalize.attributes import attributes
from m5tools.ingest.normalize.quantity import quantity
from m5tools.ingest.normalize.stated import Locale


def read(pairs: list[tuple[str, str | None]], decimals: list[str | None] | None = None) -> list[tuple[object, ...]]:
    frame = pl.DataFrame(pairs, schema={"name_raw": pl.String, "value_raw": pl.String}, orient="row")
    found = attributes(frame, None if decimals is None else pl.Series(decimals, dtype=pl.String))
    assert found["value_raw"].to_list() == [value for _, value in pairs]
    return found.select("number", "unit", "numbers", "form").rows()


@pytest.mark.parametrize(
    ("value", "number", "unit"),
    [
        ("250 g", 250, "g"), ("1,5 L", 1.5, "l"), ("15.6″", 15.6, "in"), ("128GB", 128, "GB"), ("42", 42, None),
        ("1,500 g", None, None), ("2 x 250 g", None, "g"), ("50/60 Hz", None, "Hz"), ("red", None, None),
        ("5 parsecs", None, None), ("", None, None), (None, None, None),
    ],
)  # fmt: skip
def test_a_number_is_one_that_stands_alone(value: str | None, number: float | None, unit: str | None) -> None:
    frame = pl.DataFrame({"name_raw": ["Size "], "value_raw": [value]}, schema_overrides={"value_raw": pl.String})
    row = attributes(frame).row(0, named=True)
    assert (row["number"], row["unit"], row["name"]) == (number, unit, "size")
    assert row["value_raw"] == value


@pytest.mark.parametrize(
    ("name", "value", "number", "unit"),
    [
        ("Weight (kg)", "5", 5, "kg"), ("Weight (kg)", "5 lb", 5, "lb"), ("Leistung [W]", "1200", 1200, "W"),
        ("Ukuran Layar (Inci)", "50", 50, "in"), ("Size (M)", "40", 40, None), ("Cut (men)", "40", 40, None),
    ],
)  # fmt: skip
def test_a_unit_in_the_name_holds_for_bare_numbers(name: str, value: str, number: float, unit: str | None) -> None:
    assert read([(name, value)]) == [(number, unit, [number], "single")]


@pytest.mark.parametrize(
    "name", ["SKU", "Model", "item_model_number", "Part Number:", "EAN", "型号", "Network Connections"]
)
def test_what_stands_under_the_name_of_a_code_is_no_number(name: str) -> None:
    assert read([(name, "2154"), (name, "5g")]) == [(None, None, None, None)] * 2


@pytest.mark.parametrize(
    ("name", "value", "number", "unit"),
    [
        ("Age", "6 m", 6, "month"), ("Altersempfehlung", "6 M", 6, "month"), ("适用年龄", "6m", 6, "month"), ("Warranty", "24 m", 24, "month"),
        ("Package length", "6 m", 6, "m"), ("Average height", "6 m", 6, "m"), ("Battery life", "6 m", None, None), ("Laufzeit", "90 m", None, None),
        ("Memory", "64 Gb", 64, "GB"), ("Speicherkapazität", "64 Gb", 64, "GB"), ("Storage", "64 GB", 64, "GB"), ("Uplink", "64 Gb", None, None),
    ],
)  # fmt: skip
def test_names_tell_what_letters_stand_for(name: str, value: str, number: float | None, unit: str | None) -> None:
    assert [row[:2] for row in read([(name, value)])] == [(number, unit)]


def test_a_capital_behind_a_shoe_size_is_a_width() -> None:
    values = ["8 W", "8.5 M", "38 D", "2X", "3L"]
    assert read([("Size", v) for v in values]) == [(None, None, None, None)] * len(values)
    assert read([("power", "8 W"), ("Display Size", "8 W")]) == [(8, "W", [8], "single")] * 2


def test_the_locale_decides_what_one_separator_means() -> None:
    assert read([("w", "1.500 g")] * 3, [",", ".", None]) == [
        (1500, "g", [1500], "single"), (1.5, "g", [1.5], "single"), (None, None, None, None),
    ]  # fmt: skip


def test_sides_and_ranges_are_read_by_columns_too_but_not_where_they_are_sizes() -> None:
    assert read([("Item Size", "10 x 20.5 x 30 cm"), ("Voltage", "1.5-3 V"), ("Display Size", "1920 x 1080")]) == [
        (None, "cm", [10, 20.5, 30], "dimensions"), (None, "V", [1.5, 3], "range"), (None, None, [1920, 1080], "dimensions"),
    ]  # fmt: skip
    assert read([("Size", "32x34"), ("Length (cm)", "10 x 20"), ("SKU", "10 x 20 cm")]) == [
        (None, None, [32, 34], "size"), (None, "cm", [10, 20], "dimensions"), (None, None, None, None),
    ]  # fmt: skip


def test_a_text_that_was_met_before_is_cleaned_as_it_was_then() -> None:
    rows = [("Gr\u00f6\u00dfe\u00a0", "5\u00a0kg"), ("", "  "), ("x", "é" * 70)]
    frame = pl.DataFrame(rows, schema=["name_raw", "value_raw"], orient="row")
    first, second = attributes(frame), attributes(pl.concat([frame[2:], frame[:2]]))
    assert first["value"].to_list() == ["5 kg", None, "é" * 70]
    assert first["name"].to_list() == ["größe", "", "x"]
    assert second.equals(pl.concat([first[2:], first[:2]]))


def test_digits_of_other_scripts_are_left_to_the_grammar() -> None:
    assert read([("w", "1٣ kg"), ("w", "٣ kg")]) == [(13, "kg", [13], "single"), (3, "kg", [3], "single")]


def test_nothing_is_read_from_no_rows() -> None:
    assert read([]) == []
    assert read([("a", None), ("SKU", None)]) == [(None, None, None, None)] * 2


NAMES = st.sampled_from(["size", "weight", "weight (kg)", "sku", "colour"])
VALUES = st.one_of(
    st.none(),
    st.sampled_from(["250 g", "8 M", "10–20 cm", "1,5 l", "1.500", "red", "2 x 250 g", "5G", "128GB", "0042", "12 ct"]),
    st.builds("{}{}{}".format, st.sampled_from(["1", "12.5", "0", "1234567", "0.125", "3.75", "007"]),
              st.sampled_from(["", " ", "-"]),
              st.sampled_from(["", "g", "KG", "mm", "GB", "Gb", "NM", "s", "lata", "V DC", "K", "N", "x", "W", "oz.", "fl oz", "MW", "parsec", '"', "%"])),
    st.builds("{}{}{}{}{}".format, st.sampled_from(["1", "2.5", "0", "42", "1080", "1.500"]),
              st.sampled_from([" x ", "x", "×", "*", "-", " – ", "/", " to "]), st.sampled_from(["3", "4.25", "43", "1920"]),
              st.sampled_from(["", "", " x 5", "*0.5", "-6"]),
              st.sampled_from(["", " cm", "cm", " m", '"', " px", " g", " W", "-GB", " K", " x", "ct", " years"])),
    st.text(max_size=12),
)  # fmt: skip
DECIMALS = st.sampled_from([None, ",", "."])


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(NAMES, VALUES, DECIMALS), max_size=8))
def test_no_value_depends_on_its_neighbours(rows: list[tuple[str, str | None, str | None]]) -> None:
    together = read([(n, v) for n, v, _ in rows], [d for _, _, d in rows])
    assert together == [read([(n, v)], [d])[0] for n, v, d in rows]


@settings(max_examples=300, deadline=None)
@given(value=VALUES)
def test_columns_and_single_values_are_read_alike(value: str | None) -> None:
    frame = attributes(
        pl.DataFrame({"name_raw": ["weight"], "value_raw": [value]}, schema_overrides={"value_raw": pl.String})
    )
    cleaned = frame["value"][0]
    expected = quantity(cleaned, Locale()) if cleaned else None
    found = frame.select("form", "numbers", "unit").row(0)
    assert found == ((None, None, None) if expected is None else (expected.form, list(expected.numbers), expected.unit))
