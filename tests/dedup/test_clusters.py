"""Components, the guard against chains, survivors."""

from __future__ import annotations

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.dedup.append import unfollowed
from m5tools.dedup.clusters import resolve, strength_of

_EDGE = {"row_a": pl.UInt32, "row_b": pl.UInt32, "relation": pl.String, "score": pl.Float32}


def _products(
    gtins: list[str | None],
    files: list[int] | None = None,
    groups: list[str | None] | None = None,
    sources: list[str] | None = None,
) -> pl.DataFrame:
    count = len(gtins)
    return pl.DataFrame(
        {
            "row": pl.Series(range(count), dtype=pl.UInt32),
            "product_id": [f"{i:032x}" for i in range(count)],
            "gtin": pl.Series(gtins, dtype=pl.String),
            "once": [False] * count,
            "source": sources or ["shop"] * count,
            "group": pl.Series(groups or [None] * count, dtype=pl.String),
            "modalities": [1] * count,
            "table_pairs": [0] * count,
            "files": files or [0] * count,
            "description_chars": [0] * count,
        }
    )


def _groups(
    edges: list[tuple[int, int, str, float]],
    products: pl.DataFrame,
    relation: str,
    apart: list[tuple[int, int, str]] | None = None,
) -> set[frozenset[int]]:
    known = pl.DataFrame(apart or [], schema={k: v for k, v in _EDGE.items() if k != "score"}, orient="row")
    clusters = resolve(strength_of(pl.DataFrame(edges, schema=_EDGE, orient="row")), products, known).filter(
        relation=relation
    )
    return {frozenset(group) for group in clusters.group_by("cluster").agg("row")["row"].to_list()}


def test_clusters_nest() -> None:
    edges = [(0, 1, "same_offer", 1.0), (1, 2, "same_product", 0.8), (2, 3, "variant", 0.7)]
    products = _products([None] * 4)
    assert _groups(edges, products, "same_offer") == {frozenset((0, 1))}
    assert _groups(edges, products, "same_product") == {frozenset((0, 1, 2))}
    assert _groups(edges, products, "variant") == {frozenset((0, 1, 2, 3))}


def test_two_item_groups_divide_a_product_among_variants_and_leave_a_bridge() -> None:
    edges = [(0, 1, "same_offer", 1.0), (1, 2, "same_product", 0.8)]
    products = _products([None] * 3, groups=["g1", None, "g2"])
    assert _groups(edges, products, "same_product") == {frozenset((0, 1, 2))}
    assert _groups(edges, products, "variant") == {frozenset((0, 1))}
    strength = strength_of(pl.DataFrame(edges, schema=_EDGE, orient="row"))
    bridges = unfollowed(strength, resolve(strength, products), products.with_columns(is_new=pl.lit(True)))
    assert set(bridges.iter_rows()) == {(1, 2), (2, 1)}


def test_chain_does_not_weld_two_gtins() -> None:
    edges = [(0, 1, "same_product", 0.9), (1, 2, "same_product", 0.7)]
    assert _groups(edges, _products(["1", None, "2"]), "same_product") == {frozenset((0, 1))}
    assert _groups(edges, _products(["1", None, "1"]), "same_product") == {frozenset((0, 1, 2))}


def test_chain_does_not_weld_variants_into_one_product() -> None:
    edges = [(0, 1, "same_product", 0.7), (1, 2, "same_product", 0.9), (0, 2, "variant", 1.0)]
    apart, products = [(0, 2, "same_product")], _products([None] * 3)
    assert _groups(edges, products, "same_product", apart) == {frozenset((1, 2))}
    assert _groups(edges, products, "variant", apart) == {frozenset((0, 1, 2))}
    assert _groups(edges, products, "same_product") == {frozenset((0, 1, 2))}, "these do not differ in what both tell"


def test_chain_does_not_weld_what_was_found_to_differ() -> None:
    chain = [(0, 1, "same_product", 1.0), (1, 2, "same_product", 0.7)]
    products = _products([None] * 3)
    assert _groups(chain, products, "same_product") == {frozenset({0, 1, 2})}
    apart = [(0, 2, "same_product")]
    assert _groups(chain, products, "same_product", apart) == {frozenset({0, 1})}
    assert _groups(chain, products, "variant", apart) == {frozenset({0, 1})}, "what makes no product makes no variant"
    assert _groups(chain, products, "same_product", [(0, 2, "variant")]) == {frozenset({0, 1, 2})}


def test_groups_stay_apart_within_a_source_only() -> None:
    edges = [(0, 1, "variant", 0.9), (1, 2, "variant", 0.7)]
    ours = _products([None] * 3, groups=["g", None, "h"])
    theirs = _products([None] * 3, groups=["g", None, "h"], sources=["shop", "shop", "mart"])
    assert _groups(edges, ours, "variant") == {frozenset((0, 1))}
    assert _groups(edges, theirs, "variant") == {frozenset((0, 1, 2))}


def test_a_source_that_lists_each_product_once_has_one_in_a_cluster() -> None:
    edges = [(0, 1, "same_product", 0.9), (1, 2, "same_product", 0.7)]
    products = _products([None] * 3, sources=["shop", "mart", "shop"])
    assert _groups(edges, products, "same_product") == {frozenset((0, 1, 2))}
    assert _groups(edges, products.with_columns(once=True), "same_product") == {frozenset((0, 1))}


def test_survivor_and_its_tie() -> None:
    edges = pl.DataFrame([(0, 1, "same_offer", 1.0), (2, 3, "same_offer", 1.0)], schema=_EDGE, orient="row")
    clusters = resolve(strength_of(edges), _products([None] * 4, files=[1, 2, 5, 5])).filter(relation="same_offer")
    assert clusters.filter("is_survivor")["row"].to_list() == [1, 2]


@settings(max_examples=40, deadline=None)
@given(
    links=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(1, 9)), max_size=25),
    order=st.randoms(use_true_random=False),
    gtins=st.lists(st.sampled_from([None, "1", "2"]), min_size=12, max_size=12),
)
def test_order_changes_nothing_and_no_product_has_two_gtins(links, order, gtins) -> None:  # type: ignore[no-untyped-def]
    pairs = {(min(a, b), max(a, b)): score / 10 for a, b, score in links if a != b}
    edges = [(a, b, "same_product", score) for (a, b), score in sorted(pairs.items())]
    products = _products(gtins)
    straight = _groups(edges, products, "same_product")
    order.shuffle(edges)
    assert _groups(edges, products, "same_product") == straight
    assert all(len({gtins[i] for i in group} - {None}) <= 1 for group in straight)
