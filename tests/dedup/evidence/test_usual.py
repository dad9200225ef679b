"""Which facts are usual: of those that list a name, of all products for an option, and never few."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from m5tools.dedup.evidence.facts import FACTS
from m5tools.dedup.evidence.usual import NAMED, VALUED, Usual, all_usual, fact_counts
from m5tools.dedup.evidence.vocabulary import summed
from tests.dedup.shop import POLICY

FROM, SHARE = POLICY.table.usual_from, POLICY.table.usual_share


def says(*said: tuple[int, str, list[str]], option: bool = False) -> pl.DataFrame:
    """So many products that say something under a name."""
    rows = [(row, name, values, option, False) for count, name, values in said for row in range(count)]
    return pl.DataFrame(rows, schema=FACTS, orient="row")


def usual(facts: pl.DataFrame, products: int = 1000) -> set[tuple[str, str]]:
    counts = fact_counts(facts, facts.clear())
    told = Usual.told(counts[VALUED], counts[NAMED], products, POLICY.table).borne(facts)
    flat = facts.explode("values", empty_as_null=False).with_columns(told["usual"]).filter("usual")
    return set(flat.select("name", "values").iter_rows())


@pytest.mark.parametrize(
    ("count", "others", "found"),
    [
        (FROM, 0, False),  # may be offers of one product
        (FROM + 1, 0, True),
        (100, 400, True),
        (100, 401, False),
    ],
)
def test_a_value_is_usual_among_those_that_list_its_name(count: int, others: int, found: bool) -> None:
    rare = [(1, "warranty", [f"{i} days"]) for i in range(others)]
    facts = says((count, "warranty", ["1 year"]), *rare, (500, "origin", ["1 year"]))
    assert (("warranty", "1 year") in usual(facts)) is found
    assert ("origin", "1 year") in usual(facts)


@pytest.mark.parametrize(("products", "found"), [(200, True), (201, False)])
def test_an_option_is_usual_among_all(products: int, found: bool) -> None:
    assert bool(usual(says((100, "colour", ["black"]), option=True), products)) is found


def test_values_of_a_list_are_counted_one_by_one() -> None:
    lists = [(1, "features", ["free returns", f"feature {i}"]) for i in range(50)]
    assert usual(says(*lists)) == {("features", "free returns")}


def test_what_a_product_no_longer_says_is_taken_back() -> None:
    before, now = says((30, "warranty", ["1 year"])), says((10, "warranty", ["2 years"]))
    added, changed = fact_counts(before, before.clear()), fact_counts(now, before.head(10))
    whole = fact_counts(pl.concat([before.head(20), now]), before.clear())
    for kind in (VALUED, NAMED):
        assert summed([added[kind], changed[kind]]).equals(summed([whole[kind]]))


def test_a_fact_is_usual_if_all_of_its_values_are() -> None:
    facts = says((1, "a", ["x"]), (1, "b", []), (1, "c", ["x", "y"]), (1, "d", ["y", "z"]), (1, "e", []))
    assert all_usual(facts, np.array([True, True, False, True, True])).tolist() == [True, True, False, True, True]
    assert all_usual(facts.clear(), np.empty(0, bool)).tolist() == []


def test_nothing_is_usual_where_nothing_is_told() -> None:
    assert usual(says()) == set()
