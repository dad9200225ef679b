"""Thresholds from the data, one partner each, and no dependence on order."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.dedup.rivals import chosen, threshold

from .shop import POLICY

RULES = POLICY.wording
Pair = tuple[int, int, float]


def _pool(pairs: Iterable[Pair], once: bool, codes: bool = False) -> pl.DataFrame:
    """Pairs of rows of two sources, the first source below 1,000."""
    rows = sorted(pairs)
    frame = pl.DataFrame(rows, schema={"a": pl.UInt32, "b": pl.UInt32, "likeness": pl.Float32}, orient="row")
    flags = {"once": once, "once_b": once, "proven": False, "shares_code": codes}
    return frame.with_columns(
        pl.lit(0, pl.UInt16).alias("origin"),
        pl.lit(1, pl.UInt16).alias("origin_b"),
        **{k: pl.lit(v) for k, v in flags.items()},
    )


def _taken(pool: pl.DataFrame) -> set[tuple[int, int]]:
    return set(pool.filter(chosen(pool, RULES).taken).select("a", "b").rows())


def test_threshold_lies_between_rivals_and_true_pairs() -> None:
    rng = np.random.default_rng(0)
    rivals = rng.normal(0.3, 0.05, 1000)
    best = np.concatenate([rng.normal(0.8, 0.05, 600), rng.normal(0.3, 0.05, 400)])
    assert 0.4 < threshold(best, rivals, 0.9) < 0.7


def test_best_pairs_that_look_like_rivals_are_not_taken() -> None:
    rng = np.random.default_rng(0)
    assert threshold(rng.normal(0.5, 0.1, 1000), rng.normal(0.5, 0.1, 1000), 0.9) > 0.7


def test_where_all_have_a_partner_weak_pairs_are_taken_too() -> None:
    rng = np.random.default_rng(0)
    assert threshold(rng.normal(0.6, 0.2, 1000).clip(0.21), rng.normal(0.2, 0.05, 1000), 0.9) < 0.35


def test_one_partner_each_where_sources_list_once() -> None:
    pairs = [(1, 1001, 0.9), (1, 1002, 0.85), (2, 1001, 0.8), (2, 1002, 0.7), (3, 1003, 0.2)]
    assert _taken(_pool(pairs, once=True)) == {(1, 1001), (2, 1002)}


def test_elsewhere_a_product_may_have_several_that_are_as_near() -> None:
    assert _taken(_pool([(1, 1001, 0.9), (1, 1002, 0.89), (1, 1003, 0.65)], once=False)) == {(1, 1001), (1, 1002)}


@settings(max_examples=40)
@given(
    pairs=st.lists(st.tuples(st.integers(0, 9), st.integers(1000, 1009), st.integers(0, 12)), max_size=40),
    once=st.booleans(),
    order=st.randoms(use_true_random=False),
)
def test_nobody_has_two_partners_and_numbers_of_rows_do_not_matter(pairs, once, order) -> None:  # type: ignore[no-untyped-def]
    # Distinct scores, so that no tie is broken by the number of a row.
    scores = {(a, b): s / 10 + (a * 10 + b) / 1e4 for a, b, s in pairs}
    taken = _taken(_pool([(a, b, s) for (a, b), s in scores.items()], once))
    if once:
        assert len({a for a, _ in taken}) == len(taken) == len({b for _, b in taken})
    names = list(range(10))
    order.shuffle(names)
    renamed = _taken(_pool([(names[a], b, s) for (a, b), s in scores.items()], once))
    assert renamed == {(names[a], b) for a, b in taken}
