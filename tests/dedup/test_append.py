"""Newcomers join old clusters; old members, survivors and names never move; bridges are told."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.dedup.append import attach
from m5tools.dedup.clusters import resolve, strength_of
from m5tools.dedup.stage import LESSONS, WANTED
from m5tools.dedup.why import why
from m5tools.engine.local import LocalEngine, run_stage
from m5tools.engine.pool import Pool
from m5tools.engine.progress import Silent
from m5tools.engine.verify import faults_of
from m5tools.errors import M5Error, StaleError, UsageError
from m5tools.generations import NOTE
from tests.dedup.test_clusters import _EDGE, _products

from .shop import Listing, deliver, drawing, encoded, tables_of

Edges = list[tuple[int, int, str, float]]


def _grown(
    old_edges: Edges, new_edges: Edges, old: int, count: int
) -> tuple[pl.DataFrame, pl.DataFrame, set[tuple[int, int]]]:
    """Clusters before, rows added after, bridges; products below `old` came first."""
    products = _products([None] * count)
    before = resolve(_strength(old_edges), products.filter(pl.col("row") < old))
    added, bridges = attach(_strength(new_edges), products.with_columns(is_new=pl.col("row") >= old), before)
    return before, added, set(bridges.iter_rows())


def _strength(edges: Edges) -> pl.DataFrame:
    return strength_of(pl.DataFrame(edges, schema=_EDGE, orient="row"))


def _rows(clusters: pl.DataFrame, relation: str) -> set[tuple[int, int, bool]]:
    """Cluster, product, survivor."""
    mine = clusters.filter(relation=relation)
    return set(mine.select("cluster", "row", "is_survivor").iter_rows())


def test_a_newcomer_joins_an_old_cluster_under_its_name() -> None:
    _, added, bridges = _grown([(0, 1, "same_product", 0.9)], [(1, 4, "same_product", 0.8)], 4, 5)
    assert _rows(added, "same_product") == {(0, 4, False)}
    assert _rows(added, "variant") == {(0, 4, False)}
    assert _rows(added, "same_offer") == set()
    assert not bridges


def test_an_old_product_that_stood_alone_leads() -> None:
    _, added, _ = _grown([], [(3, 4, "variant", 0.8), (4, 5, "variant", 0.9)], 4, 6)
    assert _rows(added, "variant") == {(3, 3, True), (3, 4, False), (3, 5, False)}


def test_newcomers_among_themselves_are_clusters_as_ever() -> None:
    _, added, _ = _grown([(0, 1, "same_offer", 1.0)], [(4, 5, "same_product", 0.8)], 4, 6)
    assert _rows(added, "same_product") == {(4, 4, True), (4, 5, False)}


def test_the_strongest_edge_wins_and_the_other_is_a_bridge() -> None:
    old = [(0, 1, "same_product", 0.9), (2, 3, "same_product", 0.9)]
    _, added, bridges = _grown(old, [(0, 4, "same_product", 0.7), (2, 4, "same_product", 0.8)], 4, 5)
    assert _rows(added, "same_product") == {(2, 4, False)}
    assert bridges == {(4, 0)}


def test_the_narrowest_relation_comes_first_so_that_clusters_nest() -> None:
    _, added, bridges = _grown([], [(0, 4, "same_offer", 0.5), (1, 4, "same_product", 0.9)], 4, 5)
    for relation in ("same_offer", "same_product", "variant"):
        assert _rows(added, relation) == {(0, 0, True), (0, 4, False)}
    assert bridges == {(4, 1)}


def test_a_chain_of_newcomers_does_not_reach_what_was_found_to_differ() -> None:
    products = _products([None] * 3).with_columns(is_new=pl.col("row") >= 1)
    edges = _strength([(0, 1, "same_product", 0.9), (1, 2, "same_product", 0.8)])
    apart = pl.DataFrame(
        [(0, 2, relation) for relation in ("same_product", "variant")],
        schema={"row_a": pl.UInt32, "row_b": pl.UInt32, "relation": pl.String},
        orient="row",
    )
    old = resolve(_strength([]), products.head(1))
    added, _ = attach(edges, products, old, apart)
    for relation in ("same_product", "variant"):
        assert _rows(added, relation) == {(0, 0, True), (0, 1, False)}


def test_what_was_found_to_differ_is_kept_apart_in_a_later_crawl_too(make_dataset: Callable[..., Dataset]) -> None:
    title, said = "Folding step ladder with three wide treads", {"material": "steel", "treads": "3", "tray": "yes"}
    old = Listing("old", title, attributes=said, seller="Ann", brand="Acme")
    middle = Listing("middle", title, attributes=said, seller="Bob")
    other = Listing("other", title, attributes=said, seller="Cy", brand="Zenith")
    dataset = make_dataset(tables_of([old]))
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    deliver(dataset, "c2", [middle, other], [old])
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    assert dataset.read("edges").unique(["product_a", "product_b"]).height == 2
    clusters = dataset.read("clusters").filter(relation="same_product")
    assert not {old.product_id, other.product_id} <= set(clusters["product_id"])


def test_brackets_in_a_path_are_no_pattern(make_dataset: Callable[..., Dataset]) -> None:
    one, two, new = (
        Listing(name, "Steel kettle Acme 1.7 l", "Boils fast.", images=(encoded(drawing(7)),)) for name in "abc"
    )
    dataset = make_dataset(tables_of([one, two]), name="a[b]c")
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    deliver(dataset, "c2", [new], [one, two])
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    clusters = dataset.read("clusters").filter(relation="same_offer")
    assert set(clusters["product_id"]) == {one.product_id, two.product_id, new.product_id}


_GROWING = pytest.mark.parametrize(
    ("stage", "table"),
    [
        (Compare(CompareConfig()), "comparisons"),
        (Compare(CompareConfig()), "sought"),
        (Dedup(DedupConfig()), "clusters"),
    ],
)


def _about_to_grow(make_dataset: Callable[..., Dataset], stage: Compare | Dedup) -> Dataset:
    """Another crawl has come, and the stage is what is to be done next."""
    old = [Listing(name, "Folding step ladder with three wide treads") for name in "ab"]
    dataset = make_dataset(tables_of(old))
    for each in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, each)
    deliver(dataset, "c2", [Listing("c", "Steel kettle Acme 1.7 l")], old)
    if isinstance(stage, Dedup):
        run_stage(dataset, Compare(CompareConfig()))
    return dataset


@_GROWING
@pytest.mark.parametrize("harm", ["flip", "lose"])
def test_nothing_goes_on_from_an_earlier_part_that_is_not_what_was_written(
    make_dataset: Callable[..., Dataset], stage: Compare | Dedup, table: str, harm: str
) -> None:
    dataset = _about_to_grow(make_dataset, stage)
    part = next(part for part in sorted(dataset.folder(table).rglob("*.parquet")) if part.parent.name == "c1")
    if harm == "lose":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-9] + b"x" + part.read_bytes()[-8:])
    told = f"'{stage.name}' goes on from .*{part.name}: .*; run: m5 {stage.name} .*--refresh"
    with pytest.raises(StaleError, match=told):
        run_stage(dataset, stage)
    with pytest.raises(StaleError, match=told):
        run_stage(dataset, stage)
    with Pool(0) as pool:
        LocalEngine(pool, Silent(), refresh=True).run(dataset, stage)
    assert faults_of(dataset, stage.entry) == []


@_GROWING
@pytest.mark.parametrize("body", ["{", "[]", "{}", '{"terms": 5, "crawls": {}}'])
def test_a_damaged_note_of_a_generation_is_refused_and_made_again_by_refresh(
    make_dataset: Callable[..., Dataset], stage: Compare | Dedup, table: str, body: str
) -> None:
    dataset = _about_to_grow(make_dataset, stage)
    note = dataset.folder(table) / "c1" / NOTE
    note.write_text(body)
    with pytest.raises(
        UsageError,
        match=rf"{note}(: of another size| is damaged .*); (restore it, or )?run: m5 {stage.name} .*--refresh",
    ):
        run_stage(dataset, stage)
    with Pool(0) as pool:
        LocalEngine(pool, Silent(), refresh=True).run(dataset, stage)
    assert faults_of(dataset, stage.entry) == []
    assert {part.parent.name for part in dataset.parts(table)} == {"c2"}


@pytest.mark.parametrize(
    ("table", "name", "body"),
    [
        ("edges", WANTED, '{"often": "much"}'),
        ("edges", WANTED, "["),
        ("clusters", LESSONS, '{"family": {"kinds": []}}'),
        ("clusters", LESSONS, '{"family": {"kinds": ["smell"], "middle": [0], "spread": [1], "weights": [0, 1]}}'),
        ("clusters", LESSONS, '{"family": {"kinds": ["pictures"], "middle": [0], "spread": [1], "weights": [0]}}'),
    ],
)
def test_a_damaged_note_beside_a_generation_is_refused(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, table: str, name: str, body: str
) -> None:
    # The note is met even where its checksum is not looked at, as in `m5 show`.
    monkeypatch.setattr("m5tools.engine.local.refuse_spoiled", lambda *_: None)
    old = [Listing(name, "Folding step ladder with three wide treads") for name in "ab"]
    dataset = make_dataset(tables_of(old))
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    note = dataset.folder(table) / "c1" / name
    note.write_text(body)
    deliver(dataset, "c2", [Listing("c", "Steel kettle Acme 1.7 l")], old)
    run_stage(dataset, Compare(CompareConfig()))
    with pytest.raises(M5Error, match=rf"{note} is damaged .*m5 dedup .*--refresh"):
        run_stage(dataset, Dedup(DedupConfig()))


@pytest.mark.parametrize(("source", "joined"), [("north", 0), ("south", 1)])
def test_a_threshold_stands_until_another_source_comes(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch, source: str, joined: int
) -> None:
    # What the first crawl wanted is written over, as if it had been taught so.
    monkeypatch.setattr("m5tools.engine.local.refuse_spoiled", lambda *_: None)
    said = "Brass garden hose nozzle, ten patterns, Finley workshop"
    old = [Listing("old", f"{said} tool", source="north", seller="Ann")]
    new = [Listing("new", f"{said} piece", source=source, seller="Bob")]
    dataset = make_dataset(tables_of(old))
    with dataset.changing() as manifest:
        manifest["crawls"][0]["source"] = "north"
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    (dataset.folder("edges") / "c1" / WANTED).write_text('{"often": 0.99}')
    deliver(dataset, "c2", new, old)
    with dataset.changing() as manifest:
        manifest["crawls"][1]["source"] = source
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    assert dataset.read("edges").filter(evidence="wording").height == joined


_PAIRS = st.tuples(st.integers(0, 11), st.integers(0, 11)).filter(lambda p: p[0] < p[1])
_EDGES = st.lists(
    st.tuples(_PAIRS, st.sampled_from(["same_offer", "same_product", "variant"]), st.sampled_from([0.25, 0.5, 0.75, 1.0])),
    max_size=25, unique_by=lambda e: e[0],
)  # fmt: skip


@settings(max_examples=150)
@given(drawn=_EDGES, old=st.integers(1, 11))
def test_appending_never_moves_what_was_there(drawn: list[tuple[tuple[int, int], str, float]], old: int) -> None:
    edges = [(a, b, relation, score) for (a, b), relation, score in drawn]
    ours = [edge for edge in edges if edge[1] < old]
    before, added, bridges = _grown(ours, [edge for edge in edges if edge[1] >= old], old, 12)
    after = pl.concat([before, added])
    assert after.unique(["relation", "row"]).height == after.height, "one cluster a relation and product"
    survivors = after.filter("is_survivor").group_by("relation", "cluster").len()
    assert set(survivors["len"]) <= {1}
    assert survivors.height == after.unique(["relation", "cluster"]).height
    if not any(relation == "variant" for _, relation, _ in drawn):  # variants are kept apart in one relation of three
        wider = {p: c for c, p, _ in _rows(after, "same_product")}
        assert {p: wider[c] for c, p, _ in _rows(after, "same_offer")}.items() <= wider.items(), "clusters nest"
    assert all(newcomer >= old for newcomer, _ in bridges)
    widest = {p: c for c, p, _ in _rows(after, "variant")}
    for a, b, _, _ in edges:
        if b >= old and not (a in widest and widest.get(a) == widest.get(b)):
            assert (b, a) in bridges, "an edge is inside a cluster, or a bridge"


def test_a_pair_is_explained_though_its_sources_no_longer_list_each_product_once(
    make_dataset: Callable[..., Dataset],
) -> None:
    old = [
        Listing("a", "Brass garden hose nozzle, ten patterns, Finley workshop", source="north", seller="Ann"),
        Listing("b", "Brass garden nozzle with nine settings for hose, workshop grade", source="south", seller="Bob"),
    ]
    dataset = make_dataset(tables_of(old), 2)
    with dataset.changing() as manifest:
        south = {**manifest["crawls"][0], "source": "south", "crawl_id": "c0", "unique_products": True}
        manifest["crawls"] = [south, {**manifest["crawls"][0], "source": "north", "unique_products": True}]  # type: ignore[list-item]
        manifest["stages"]["ingest/c0"] = manifest["stages"]["ingest/c1"]
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    deliver(dataset, "c2", [Listing("n", "Nothing like any other oak", source="north")], old)
    with dataset.changing() as manifest:
        manifest["crawls"][-1] |= {"source": "north", "unique_products": False}  # type: ignore[typeddict-item]
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(dataset, stage)
    told = why(dataset, *(listing.product_id for listing in old))
    assert told.relation is None
    assert any("m5 dedup --refresh" in words for words in told.missing)
