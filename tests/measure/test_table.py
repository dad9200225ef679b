"""Table signals on hand-written rows."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import polars as pl
import pytest

from m5tools import wording
from m5tools.measure.table import judged, list_names, signals, usual_names
from m5tools.wording import PLACEHOLDERS, says_nothing

SCHEMA = {
    "product_id": pl.String,
    "name": pl.String,
    "value": pl.String,
    "language": pl.String,
    "is_option": pl.Boolean,
    "number": pl.Float64,
    "unit": pl.String,
}
NOTHING_USUAL = pl.DataFrame(schema={"category": pl.String, "name": pl.String})
NO_LISTS = pl.DataFrame(schema={"source": pl.String, "name": pl.String})


def measured(
    *pairs: tuple[str, str | None], usual: pl.DataFrame = NOTHING_USUAL, lists: pl.DataFrame = NO_LISTS, **fields: Any
) -> dict[str, Any]:
    attributes = pl.DataFrame(
        [{"product_id": "p", "name": n, "value": v, "is_option": False, **fields} for n, v in pairs], schema=SCHEMA
    )
    products = pl.DataFrame({"product_id": ["p"], "source": ["s"], "category": ["Mugs"]})
    return signals(products, judged(attributes, PLACEHOLDERS), usual, lists).row(0, named=True)


def listing(*values: tuple[str, float | None, str | None]) -> int:
    """How many names contradict themselves where one name has these values, each with its number and unit."""
    attributes = pl.DataFrame(
        [{"product_id": "p", "name": "weight", "value": v, "is_option": False, "number": n, "unit": u} for v, n, u in values],
        schema=SCHEMA,
    )  # fmt: skip
    products = pl.DataFrame({"product_id": ["p"], "source": ["s"], "category": ["Mugs"]})
    row = signals(products, judged(attributes, PLACEHOLDERS), NOTHING_USUAL, NO_LISTS).row(0, named=True)
    return int(row["contradictory_names"])


def test_one_quantity_in_several_units_is_no_contradiction() -> None:
    assert listing(("125 g", 125, "g"), ("4.4 oz", 4.4, "oz")) == 0
    assert listing(("1 l", 1, "l"), ("1000 ml", 1000, "ml"), ("33.8 fl oz", 33.8, "floz")) == 0


def test_two_quantities_contradict_each_other_in_whatever_units() -> None:
    assert listing(("63.5 g", 63.5, "g"), ("22.39 oz", 22.39, "oz")) == 1
    assert listing(("125 g", 125, "g"), ("4.4 oz", 4.4, "oz"), ("200 g", 200, "g")) == 1
    assert listing(("100 g", 100, "g"), ("101 g", 101, "g")) == 1  # rounding explains no difference in one unit
    assert listing(("100 g", 100, "g"), ("10 cm", 10, "cm")) == 1
    assert listing(("20 °C", 20, "°C"), ("20 °F", 20, "°F")) == 1
    assert listing(("0 g", 0, "g"), ("0.1 kg", 0.1, "kg"), ("heavy", None, None)) == 1


@pytest.mark.parametrize(
    "value",
    [
        "other",
        "Other",
        "0 x 0 x 0 cm",
        "Siehe Beschreibung",
        "sans marque",
        "N/A",
        "n/a.",
        "See Description",
        "-",
        "0 kg",
        "0.00cm",
        "none",
        "unknown",
        "未知",
    ],
)
def test_values_that_say_nothing(value: str) -> None:
    assert pl.select(says_nothing(pl.lit(value))).item()


@pytest.mark.parametrize(
    "value", ["0", "10 kg", "0.5 kg", "0 x 5 cm", "XXX", "нет", "no", "another", "Nonestick", "red", "A+", "红色"]
)
def test_values_that_say_something(value: str) -> None:
    assert not pl.select(says_nothing(pl.lit(value))).item()


def test_each_different_value_is_judged_once(monkeypatch: pytest.MonkeyPatch) -> None:
    values = ["red", "n/a", None, "red", "N/A", "n/a", None, "0 kg"]
    told = judged(pl.DataFrame({"value": values}), PLACEHOLDERS)["empty"].to_list()
    assert told == [False, True, None, False, True, True, None, True]
    without = pl.DataFrame({"value": [None]}, schema={"value": pl.String})
    assert judged(without, PLACEHOLDERS)["empty"].to_list() == [None]
    assert judged(without.head(0), PLACEHOLDERS).schema["empty"] == pl.Boolean
    seen: list[int] = []
    original = wording.says_nothing

    def says_nothing(value: pl.Expr, placeholders: Collection[str]) -> pl.Expr:
        def noted(batch: pl.Series) -> pl.Series:
            seen.append(len(batch))
            return batch

        return original(value.map_batches(noted, return_dtype=pl.String), placeholders)

    monkeypatch.setattr(wording, "says_nothing", says_nothing)
    judged(pl.DataFrame({"value": values}), PLACEHOLDERS)
    assert set(seen) == {4}


def test_counts_and_shares() -> None:
    found = measured(("color", "red"), ("size", "n/a"), ("note", None), ("origin", "other"), ("weight", "1 kg"))
    assert (found["attributes"], found["filled"], found["placeholders"]) == (5, 4, 2)
    assert found["placeholder_share"] == 0.5
    assert measured(("size", "42"), number=42.0)["parsed_share"] == 1


def test_a_product_without_a_table_has_a_row() -> None:
    found = measured()
    assert (found["attributes"], found["filled"], found["repeated_names"], found["contradictory_names"]) == (0, 0, 0, 0)
    assert found["placeholder_share"] is found["parsed_share"] is None


def test_a_contradiction_is_one_name_with_two_values() -> None:
    assert measured(("material", "oak"), ("material", "glass"))["contradictory_names"] == 1
    same = measured(("material", "Oak"), ("material", "oak"))
    assert (same["repeated_names"], same["contradictory_names"]) == (1, 0)
    assert measured(("material", "oak"), ("material", "n/a"))["contradictory_names"] == 0
    assert measured(("size", "40"), ("size", "42"), is_option=True)["contradictory_names"] == 0


def habits(*names: tuple[str, int, int], source: str = "s", of_all: float = 1) -> pl.DataFrame:
    rows = [(source, *row) for row in names]
    return list_names(pl.DataFrame(rows, schema=["source", "name", "products", "several"], orient="row"), 0.1, of_all)


def test_names_that_hold_lists_contradict_nothing() -> None:
    lists = habits(("occasion", 20, 12), ("material", 60, 4), ("once", 1, 1), ("few", 4, 3))
    assert lists["name"].to_list() == ["occasion"]
    pairs = (("occasion", "Christmas"), ("occasion", "Easter"), ("material", "oak"), ("material", "glass"))
    assert measured(*pairs)["contradictory_names"] == 2
    found = measured(*pairs, lists=lists)
    assert (found["repeated_names"], found["contradictory_names"]) == (2, 1)
    assert measured(*pairs, lists=habits(("occasion", 20, 12), source="another"))["contradictory_names"] == 2


def test_a_source_that_repeats_names_all_over_contradicts_nothing() -> None:
    names = (("occasion", 20, 12), ("material", 60, 1), ("color", 70, 0))
    assert sorted(habits(*names, of_all=13 / 150)["name"]) == ["color", "material", "occasion"]
    assert habits(*names, of_all=14 / 150)["name"].to_list() == ["occasion"]


def test_a_value_that_holds_the_other_does_not_contradict_it() -> None:
    assert measured(("material", "steel"), ("material", "stainless steel"))["contradictory_names"] == 0
    assert measured(("material", "steel"), ("material", "steelwool"))["contradictory_names"] == 1
    assert measured(("size", "15.6 in"), ("size", '15.6"'), number=15.6, unit="in")["contradictory_names"] == 0


def test_two_languages_do_not_contradict_each_other() -> None:
    rows = [{"product_id": "p", "name": "material", "value": v, "language": s, "is_option": False}
            for v, s in (("oak", "en"), ("Eiche", "de"))]  # fmt: skip
    products = pl.DataFrame({"product_id": ["p"], "source": ["s"], "category": ["Mugs"]})
    attributes = judged(pl.DataFrame(rows, schema=SCHEMA), PLACEHOLDERS)
    found = signals(products, attributes, NOTHING_USUAL, NO_LISTS)
    assert found["contradictory_names"].item() == 0


def test_coverage_of_what_the_category_usually_lists() -> None:
    listed = pl.DataFrame({"category": ["Mugs"] * 3, "name": ["color", "volume", "odd"], "products": [10, 6, 4]})
    sizes = pl.DataFrame({"category": ["Mugs"], "products": [10]})
    usual = usual_names(listed, sizes, least_products=5, least_share=0.5)
    assert sorted(usual["name"]) == ["color", "volume"]
    assert measured(("color", "red"), ("odd", "x"), usual=usual)["category_coverage"] == 0.5
    assert measured(("volume", None), usual=usual)["category_coverage"] == 0
    assert measured(("color", "red"))["category_coverage"] is None
    assert usual_names(listed, sizes, least_products=11, least_share=0.5).is_empty()
