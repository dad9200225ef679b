"""Thresholds from the data, one partner each, and no dependence on order."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from random import Random

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.dedup.places import Places, placed
from m5tools.dedup.policy import WordingRules
from m5tools.dedup.rivals import Chosen, chosen, threshold

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
    return set(pool[chosen(list(placed([pool], Places([pool]), RULES)), RULES).taken[0]].select("a", "b").rows())


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


def _market(seed: int) -> pl.DataFrame:
    """Pairs of products of four sources, some of which list each product once; likenesses on few steps: often equal."""
    rng = np.random.default_rng(seed)
    products = 24
    every = np.stack(np.triu_indices(products, 1), axis=1)
    pairs = every[np.sort(rng.choice(len(every), rng.integers(0, len(every)), replace=False))]
    height = len(pairs)
    # Of source 70, too: more sources than one word of bits holds.
    sources, once = np.array([0, 1, 2, 70], np.uint16), rng.random(4) < 0.5
    home = rng.integers(0, 4, products)
    likeness = pl.Series(rng.integers(-1, 20, height) / 20, dtype=pl.Float32)
    return pl.DataFrame(
        {
            **{name: pl.Series(side, dtype=pl.UInt32) for name, side in zip("ab", pairs.T, strict=True)},
            "likeness": likeness.set(pl.Series(rng.random(height) < 0.1), None),
            "origin": sources[home[pairs[:, 0]]],
            "origin_b": sources[home[pairs[:, 1]]],
            "once": once[home[pairs[:, 0]]],
            "once_b": once[home[pairs[:, 1]]],
            "shares_code": rng.random(height) < 0.2,
            "proven": rng.random(height) < 0.05,
        }
    )


def _law(pool: pl.DataFrame, rules: WordingRules) -> tuple[set[tuple[int, int]], dict[str, float]]:
    """What is to be chosen, pair by pair."""
    taken: set[tuple[int, int]] = set()
    wanted: dict[str, float] = {}
    rows = list(pool.with_columns(pl.col("likeness").fill_null(0).cast(pl.Float64)).iter_rows(named=True))
    for kind in ("often", "once"):
        mine = [row for row in rows if (row["once"] and row["once_b"]) == (kind == "once")]
        if not mine:
            continue
        places = [((r["a"], r["origin_b"]), (r["b"], r["origin"])) for r in mine]
        at: dict[tuple[int, int], list[int]] = {}
        for i, ends in enumerate(places):
            for place in ends:
                at.setdefault(place, []).append(i)
        rivals = [
            max([0.0, *(mine[j]["likeness"] for place in ends for j in at[place] if j != i)])
            for i, ends in enumerate(places)
        ]
        scores = [r["likeness"] + rules.margin * (r["likeness"] - rival) for r, rival in zip(mine, rivals, strict=True)]
        lead = {place: max(scores[j] for j in pairs) for place, pairs in at.items()}
        behind = [max(lead[place] - scores[i] for place in ends) for i, ends in enumerate(places)]
        best = [i for i in range(len(mine)) if behind[i] == 0]
        contested = [rivals[i] for i in best if rivals[i] > 0]
        wanted[kind] = rules.threshold
        if len(contested) >= rules.fewest:
            found = threshold(np.array([mine[i]["likeness"] for i in best]), np.array(contested), rules.precision)
            trust = len(contested) / (len(contested) + rules.fewest)
            wanted[kind] = trust * found + (1 - trust) * rules.threshold
        gone: set[tuple[int, int]] = set()
        for i in sorted(range(len(mine)), key=lambda i: (-(scores[i] + 2.0 * mine[i]["proven"]), i)):
            row = mine[i]
            coded = row["shares_code"] and row["likeness"] - rules.weights.code >= rules.threshold
            if not (row["likeness"] >= wanted[kind] or row["proven"] or coded):
                continue
            if kind == "once":
                if not gone & {*places[i]}:
                    taken.add((row["a"], row["b"]))
                    gone |= {*places[i]}
            elif all(scores[i] >= lead[place] - rules.band for place in places[i]):
                taken.add((row["a"], row["b"]))
    return taken, wanted


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32), cuts=st.lists(st.integers(0, 276), max_size=5), order=st.randoms(use_true_random=False)
)
def test_parts_and_their_order_change_nothing(seed: int, cuts: list[int], order: Random) -> None:
    pool = _market(seed)
    rules = RULES.model_copy(update={"fewest": 3, "precision": 0.3})
    bounds = [0, *sorted(min(cut, pool.height) for cut in cuts), pool.height]
    parts = [pool[first:beyond].sample(fraction=1, shuffle=True, seed=1) for first, beyond in pairwise(bounds)]
    order.shuffle(parts)
    found = chosen(list(placed(parts, Places(parts), rules)), rules)
    taken = pl.concat(part[places] for part, places in zip(parts, found.taken, strict=True))
    assert (set(taken.select("a", "b").rows()), found.wanted) == _law(pool, rules)


def test_a_likeness_that_was_found_before_stands() -> None:
    pairs = [_pool([(1, 1001, 0.9), (2, 1002, 0.7)], once=False)]
    pool = list(placed(pairs, Places(pairs), RULES))
    assert chosen(pool, RULES).taken[0].tolist() == [0, 1]
    again = chosen(pool, RULES, {"often": 0.8})
    assert again.taken[0].tolist() == [0]
    assert again.wanted == {"often": 0.8}


def _before(found: Chosen, places: Places, later: Places) -> pl.DataFrame:
    """What earlier pairs left of the places that later ones have."""
    rows = pl.concat([places.listed(), found.figures], how="horizontal")
    rows = rows.filter(later.among(rows["row"], rows["origin"]))
    return rows.with_columns(place=later.of(rows["row"], rows["origin"])).drop("row", "origin")


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), old=st.integers(0, 24))
def test_later_pairs_find_the_rivals_that_earlier_ones_left(seed: int, old: int) -> None:
    pool = _market(seed)
    is_old = pl.all_horizontal(pl.col("a", "b") < old)
    early, late, whole = ([pool.filter(mine)] for mine in (is_old, ~is_old, pl.lit(True)))
    places, later, every = (Places(parts) for parts in (early, late, whole))
    before = chosen(list(placed(early, places, RULES)), RULES)
    left = _before(before, places, later)
    after = chosen(list(placed(late, later, RULES)), RULES, before.wanted, [left])
    full = _before(chosen(list(placed(whole, every, RULES)), RULES), every, later)
    found = after.figures.with_row_index("place")
    assert found.select("best", "second").equals(full.sort("place").select("best", "second"))
    assert (found["lead"] >= full.sort("place")["lead"]).all()


def test_a_better_pair_of_an_earlier_crawl_stands_before_a_later_one() -> None:
    early, late = [_pool([(1, 1001, 0.9)], once=False)], [_pool([(1, 1002, 0.8)], once=False)]
    places, later = Places(early), Places(late)
    before = chosen(list(placed(early, places, RULES)), RULES)
    pairs = list(placed(late, later, RULES))
    assert chosen(pairs, RULES).taken[0].tolist() == [0]
    assert chosen(pairs, RULES, before.wanted, [_before(before, places, later)]).taken[0].tolist() == []


def test_a_partner_of_an_earlier_crawl_is_kept_unless_a_later_one_is_nearer() -> None:
    early, late = [_pool([(1, 1001, 0.8)], once=True)], [_pool([(1, 1002, 0.7), (2, 1001, 0.9)], once=True)]
    places, later = Places(early), Places(late)
    before = chosen(list(placed(early, places, RULES)), RULES)
    found = chosen(list(placed(late, later, RULES)), RULES, before.wanted, [_before(before, places, later)])
    assert found.taken[0].tolist() == [1]
