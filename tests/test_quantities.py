"""Quantities in whatever unit and spelling."""

from __future__ import annotations

import polars as pl
import pytest

from m5tools import quantities


@pytest.mark.parametrize(
    ("words", "dimension", "amount"),
    [("1 l", "volume", 1.0), ("1000ml", "volume", 1.0), ("0,5 kg", "mass", 500.0), ("16 fl oz", "volume", 0.4732)],
)
def test_words_that_are_a_quantity(words: str, dimension: str, amount: float) -> None:
    row = quantities.read_words(pl.DataFrame({"run": [words]}), "run").row(0, named=True)
    assert row["dimension"] == dimension
    assert row["amount"] == pytest.approx(amount, rel=1e-3)


@pytest.mark.parametrize("words", ["red", "1", "12 5", "a 1 l", "3 wishes", "7 nm"])
def test_words_that_are_none(words: str) -> None:
    """Nm and nm are two units in one spelling."""
    assert quantities.read_words(pl.DataFrame({"run": [words]}), "run").is_empty()


def test_near_is_rounding_and_nothing_is_near_nothing() -> None:
    pairs = pl.DataFrame({"one": [100.0, 101.9, 100.0, 0.0, -1.0], "other": [101.9, 100.0, 102.1, 0.0, -1.0]})
    near = pairs.select(quantities.near(pl.col("one"), pl.col("other"))).to_series()
    assert near.to_list() == [True, True, False, False, False]


def test_groups_that_tell_one_quantity_in_several_units() -> None:
    told = pl.DataFrame(
        [("a", 125.0, "g"), ("a", 4.4, "oz"), ("b", 100.0, "g"), ("b", 101.0, "g"), ("c", 1.0, "kg"), ("c", None, None),
         ("d", 5.0, "g"), (None, 1.0, "l"), (None, 1000.0, "ml")],
        schema={"of": pl.String, "number": pl.Float64, "unit": pl.String}, orient="row",
    )  # fmt: skip
    assert quantities.one_in_several_units(told, ["of"])["of"].to_list() == ["a", None]
