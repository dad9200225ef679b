"""Numbers, colours and words of titles against tables and categories, on hand-written rows."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from m5tools import wording
from m5tools.measure import facts
from m5tools.measure.known import TitleWords


def products(*titles: str | None, category: str | None = None) -> pl.DataFrame:
    rows = {"product_id": [f"p{n}" for n in range(len(titles))], "title": titles, "category": [category] * len(titles)}
    return pl.DataFrame(rows, schema={"product_id": pl.String, "title": pl.String, "category": pl.String})


def pairs(*rows: tuple[str, str, str | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"product_id": pl.String, "name": pl.String, "value": pl.String}, orient="row")


def numbers(title: str | None, *values: str) -> tuple[Any, ...]:
    table = pairs(*(("p0", "x", value) for value in values))
    return facts.numbers(products(title), table).select("title_numbers", "title_numbers_in_table").row(0)


def test_numbers_of_the_title_that_the_table_lists() -> None:
    assert numbers("Kettle 1.7 L WH508, 2024", "1,70 l", "WH508", "3") == (3, 2)
    assert numbers("Kettle 100 W 100", "10 W") == (1, 0)
    assert numbers("Kettle", "10 W") == (0, 0)


def test_without_a_table_nothing_can_be_found_in_it() -> None:
    assert numbers("Kettle 1.7 L") == (1, None)
    assert numbers(None) == (0, None)


@pytest.mark.parametrize(
    ("title", "name", "value", "agrees"),
    [("Red mug", "color", "red", True), ("Roter Becher rot", "farbe", "Rot", True), ("红色 杯", "颜色", "红色", True),
     ("Grey mug", "colour", "gris", True), ("Red mug", "color", "Navy blue", False), ("Red blue mug", "color", "blue", True),
     ("Mug", "color", "red", None), ("Red mug", "material", "red oak", None), ("Red mug", "color", "see picture", None),
     (None, "color", "red", None)],
)  # fmt: skip
def test_colours(title: str | None, name: str, value: str, agrees: bool | None) -> None:
    assert facts.colours(products(title), pairs(("p0", name, value)))["colour_agreement"].item() is agrees


def support(title: str, category: str) -> float | None:
    counts = {
        ("kettle", "Kettles"): 6,
        ("steel", "Kettles"): 5,
        ("steel", "Mugs"): 5,
        ("mug", "Mugs"): 6,
        ("odd", "Mugs"): 2,
    }
    words = TitleWords.of(
        pl.DataFrame(
            {
                "word": wording.hashed(pl.Series([word for word, _ in counts])),
                "category": [home for _, home in counts],
                "products": list(counts.values()),
            }
        )
    )
    sizes = pl.DataFrame({"category": ["Kettles", "Mugs", "Few"], "products": [10, 10, 4]})
    found = facts.category_support(products(title, category=category), words, sizes)
    value: float | None = found["title_category_support"].item()
    return value


def test_a_title_of_its_category_is_supported() -> None:
    assert support("Steel kettle", "Kettles") == pytest.approx(1)


def test_a_title_of_another_category_is_not() -> None:
    wrong = support("Steel mug", "Kettles")
    assert wrong is not None
    assert 0 < wrong < 0.5  # "steel" fits everywhere and weighs less than "mug"
    assert support("mug", "Kettles") == 0


def test_support_is_the_same_to_the_bit_whatever_the_order_of_the_corpus() -> None:
    spelt = [f"w{n:03}" for n in range(200)]
    counts = {"word": wording.hashed(pl.Series(spelt)), "category": ["Mugs"] * 200, "products": range(3, 203)}
    sizes = pl.DataFrame({"category": ["Mugs", "Bowls"], "products": [97, 1000]})
    titled = products(*(" ".join(spelt[n : n + 90 : 3]) for n in range(100)), category="Mugs")
    corpora = [pl.DataFrame(counts).sample(fraction=1, shuffle=True, seed=seed) for seed in range(3)]
    found = [facts.category_support(titled, TitleWords.of(corpus), sizes) for corpus in corpora]
    assert found[0].equals(found[1])
    assert found[0].equals(found[2])


def test_unknown_words_and_small_categories_say_nothing() -> None:
    assert support("Xyzzy", "Kettles") is None
    assert support("Steel mug", "Few") is None
    # Of the two mugs with this word one may be the product itself: one other is too few to know it.
    assert support("odd", "Mugs") is None
