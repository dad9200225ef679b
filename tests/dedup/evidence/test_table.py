"""What tables agree in, and what tells them apart."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from m5tools.dedup.evidence.common import shared, spread
from m5tools.dedup.evidence.facts import FACTS
from m5tools.dedup.evidence.table import compare
from m5tools.dedup.evidence.titles import colour_values, measure
from m5tools.dedup.evidence.usual import Usual, all_usual, fact_counts
from m5tools.dedup.evidence.values import in_values, value_sets
from m5tools.dedup.evidence.varying import varying_options, with_varying
from tests.dedup.shop import POLICY

_PAIR = pl.DataFrame({"a": [0], "b": [1]}, schema={"a": pl.UInt32, "b": pl.UInt32})


def _facts(*rows: tuple[int, str, list[str], bool]) -> pl.DataFrame:
    return pl.DataFrame([(*row, False) for row in rows], schema=FACTS, orient="row")


def _compared(
    facts: pl.DataFrame, groups: dict[int, str] | None = None, borne: int = 1, products: int = 2
) -> dict[str, Any]:
    """Two products, what the first says of which so many bear."""
    groups = groups or {}
    grouped = facts.with_columns(group=pl.Series([groups.get(row) for row in facts["row"]], dtype=pl.String))
    marked = with_varying(grouped, varying_options(grouped.filter("option").drop_nulls("group")))
    counts = fact_counts(pl.concat([facts.filter(row=0).head(1)] * borne), facts.clear())
    usual = Usual.told(counts["facts"], counts["names"], products, POLICY.table)
    each = usual.borne(facts)["usual"].to_numpy()
    told = compare(_PAIR, marked.with_columns(usual=all_usual(facts, each))).to_dicts()[0]
    sets = value_sets(facts.rename({"row": "product"}), each, 2)
    sizes = np.diff(sets.indptr)
    both = in_values(shared(spread(sets[[0]]), sets[[1]]), sizes[:1], sizes[1:])
    return told | {name: values.item() for name, values in both.items()}


def _agreement(told: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(told[name] for name in ("shared", "agreeing", "values_agreeing", "values_fewest"))


@pytest.mark.parametrize(
    ("one", "other", "shared", "agreeing"),
    [
        ("leather", "genuine leather", 0, 0),  # more words: neither
        ("皮革", "真皮革", 0, 0),
        ("leather", "leatherette", 1, 0),  # no whole word
        ("oak", "beech", 1, 0),
        ("oak", "oak", 1, 1),
        ("jan smit", "jan smit, piet de vries and others", 1, 0),  # a list in which a word more is another thing
    ],
)
def test_a_text_with_more_words_neither_agrees_nor_differs(one: str, other: str, shared: int, agreeing: int) -> None:
    told = _compared(_facts((0, "material", [one], False), (1, "material", [other], False)))
    assert (told["shared"], told["agreeing"]) == (shared, agreeing)


def test_an_option_with_more_words_differs() -> None:
    told = _compared(_facts((0, "flavour", ["mint"], True), (1, "flavour", ["wild mint"], True)))
    assert told["options_differ"] == 1


@pytest.mark.parametrize(("borne", "told"), [(21, (0, 0, 0, 0)), (20, (1, 1, 1, 1))])
def test_what_both_say_as_most_do_leaves_the_table(borne: int, told: tuple[int, ...]) -> None:
    rows = _facts((0, "warranty", ["1 year"], False), (1, "warranty", ["1 year"], False))
    assert _agreement(_compared(rows, borne=borne)) == told


def test_a_difference_from_what_most_say_counts() -> None:
    rows = _facts((0, "warranty", ["1 year"], False), (1, "warranty", ["2 years"], False))
    assert _agreement(_compared(rows, borne=100)) == (1, 0, 0, 1)


def test_what_one_says_beside_what_most_say_is_left() -> None:
    material = ((0, "material", ["oak"], False), (1, "stuff", ["oak"], False))
    rows = _facts((0, "warranty", ["1 year"], False), *material, (1, "warranty", ["1 year", "2 years"], False))
    assert _agreement(_compared(rows, borne=100)) == (0, 0, 1, 1)


@pytest.mark.parametrize(("products", "usual"), [(40, 1), (43, 0)])
def test_an_option_is_usual_among_all_products(products: int, usual: int) -> None:
    rows = _facts((0, "colour", ["black"], True), (1, "colour", ["black"], True))
    told = _compared(rows, borne=21, products=products)
    assert (told["options_agreeing"], told["options_usual"], told["options_differ"]) == (1, usual, 0)


def test_options_in_which_a_group_varies_are_counted() -> None:
    rows = ((row, "size", [size], True) for row, size in enumerate(["s", "m"]))
    facts = _facts(*rows, *((row, "colour", ["red"], True) for row in range(2)))
    told = _compared(facts, dict.fromkeys(range(2), "g"))
    assert (told["varying"], told["varying_agreeing"]) == (1, 0)
    assert _compared(facts)["varying"] == 0


def test_a_terabyte_has_1000_or_1024_gigabytes() -> None:
    sizes = pl.DataFrame({"number": [1.0, 1000.0, 1024.0, 2048.0, 512.0], "unit": ["tb", "gb", "gb", "gb", "gb"]})
    told = sizes.select(measure(pl.col("number"), pl.col("unit"), POLICY)).to_series().to_list()
    assert told == ["1000.0 storage", "1000.0 storage", "1000.0 storage", "2000.0 storage", "512.0 storage"]


def test_a_shade_with_its_colour_is_that_shade() -> None:
    colours = pl.DataFrame({"text": ["navy", "navy blue", "dark brown", "brown", "jewel tone"]})
    told = colours.select(colour_values(pl.col("text"), POLICY).list.unique().list.sort()).to_series().to_list()
    assert told == [["blue", "navy"], ["blue", "navy"], ["brown", "dark brown"], ["brown"], ["jewel tone"]]
