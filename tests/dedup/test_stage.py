"""The stage as a whole: it depends on no order, is linear in what many share, and keeps the most complete."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m5tools.dataset import Dataset
from m5tools.dedup import Compare, CompareConfig, Dedup, DedupConfig
from m5tools.engine.local import run_stage
from m5tools.errors import UsageError

from .shop import KETTLE, SHIRT, Find, Listing, drawing, encoded, tables_of, with_margin


def test_boilerplate_costs_linear_time_and_welds_nothing(find: Find) -> None:
    shared = "Welcome to our shop. We ship worldwide within three days and answer every question with pleasure."
    words = [hashlib.sha256(str(i).encode()).hexdigest() for i in range(20_000)]
    found = find([Listing(str(i), f"{w[:7]} {w[9:16]} {w[20:26]}", shared) for i, w in enumerate(words)], partitions=4)
    assert found.clusters.is_empty()
    assert found.counts["hubs"] >= 1
    assert found.counts["hub_products"] >= 20_000
    assert found.counts["pairs"] < 20_000


def test_many_relistings_make_one_cluster(find: Find) -> None:
    same = {"title": "Steel kettle Acme", "description": "Boils fast.", "attributes": KETTLE}
    found = find([Listing(str(i), price=float(i), **same) for i in range(700)])
    assert {len(group) for group in found.groups("same_offer")} == {700}


def test_survivor_is_the_most_complete(find: Find) -> None:
    found = find(
        [
            Listing("bare", "Water boiler", gtin="4006381333931", seller="Ann"),
            Listing("rich", "Acme kettle", "Boils.", attributes=KETTLE, gtin="4006381333931", seller="Bob"),
            Listing("poor", "Kettle, steel", "Boils.", gtin="4006381333931", seller="Cy"),
        ]
    )
    survivors = found.clusters.filter(pl.col("is_survivor"), relation="same_product")
    assert [found.names[p] for p in survivors["product_id"]] == ["rich"]
    assert survivors["cluster_id"].item() == min(found.names)


def _mixed_shop() -> list[Listing]:
    photo, edited = encoded(drawing(1)), encoded(with_margin(drawing(1), 0.1), 60)
    return [
        Listing("a", "Acme steel kettle", "Boils.", attributes=KETTLE, images=(photo,), seller="Ann"),
        Listing("a2", "Acme steel kettle", "Boils.", attributes=KETTLE, images=(photo,), seller="Ann", price=3),
        Listing("b", "Cordless water boiler", attributes=KETTLE, images=(edited,), seller="Bob"),
        Listing("red", "Crew neck tee shirt red", group_id="g", attributes=SHIRT),
        Listing("blue", "Crew neck tee shirt blue", group_id="g", attributes=SHIRT),
        Listing("green", "Crew neck tee shirt green", attributes=SHIRT),
        Listing("g1", "Toaster", gtin="4006381333931", seller="Ann"),
        Listing("g2", "Bread toaster, two slots", gtin="4006381333931", seller="Bob"),
        *(Listing(f"n{i}", f"Nothing like any other {word}") for i, word in enumerate(("oak", "quilt", "basalt"))),
    ]


def _bytes(dataset: Dataset) -> dict[str, bytes]:
    files = [p for table in ("comparisons", "compared", "edges", "clusters") for p in dataset.parts(table)]
    return {p.relative_to(dataset.root).as_posix(): p.read_bytes() for p in files}


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000), partitions=st.integers(1, 4))
def test_order_of_rows_changes_nothing(find: Find, seed: int, partitions: int) -> None:
    shop = _mixed_shop()
    straight = find(shop, partitions, name=f"straight-{seed}-{partitions}")
    random.Random(seed).shuffle(shop)
    shuffled = find(shop, partitions, name=f"shuffled-{seed}-{partitions}")
    assert _bytes(straight.dataset) == _bytes(shuffled.dataset)
    assert straight.groups("same_product") == {frozenset(("a", "a2", "b")), frozenset(("g1", "g2"))}
    assert straight.groups("variant") >= {frozenset(("red", "blue", "green"))}


def test_a_row_more_changes_no_other_verdict(find: Find) -> None:
    before = find(_mixed_shop(), name="before").relations
    after = find([Listing("x", "Something else altogether"), *_mixed_shop()], name="after").relations
    assert before == after


def test_workers_change_nothing(make_dataset: Callable[..., Dataset]) -> None:
    tables = tables_of(_mixed_shop())
    alone, helped = make_dataset(tables, 3, "alone"), make_dataset(tables, 3, "helped")
    for stage in (Compare(CompareConfig()), Dedup(DedupConfig())):
        run_stage(alone, stage)
        run_stage(helped, stage, workers=2)
    assert _bytes(alone) == _bytes(helped)


def test_partitions_compared_by_the_run_change_nothing(
    make_dataset: Callable[..., Dataset], monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = tables_of(_mixed_shop())
    single, runs = make_dataset(tables, 5, "single"), make_dataset(tables, 5, "runs")
    run_stage(single, Compare(CompareConfig()))
    monkeypatch.setattr("m5tools.dedup.compare._RUNS", 2)
    assert [unit.args for unit in Compare(CompareConfig()).units(runs, "compare")] == [
        {"first": 0, "beyond": 3},
        {"first": 3, "beyond": 5},
    ]
    run_stage(runs, Compare(CompareConfig()))
    for dataset in (single, runs):
        run_stage(dataset, Dedup(DedupConfig()))
    assert _bytes(single) == _bytes(runs)


def test_policy_is_part_of_the_run(make_dataset: Callable[..., Dataset], tmp_path: Path) -> None:
    shipped = Dedup(DedupConfig())
    text = (Path(__file__).parents[2] / "pipelines" / "policies" / "duplicates.yaml").read_text()
    (tmp_path / "mine.yaml").write_text(text.replace("threshold: 0.6", "threshold: 0.7"))
    config = DedupConfig(policy=str(tmp_path / "mine.yaml"))
    before = Dedup(config).run_name({})
    (tmp_path / "mine.yaml").write_text(text)
    assert Dedup(config).run_name({}) != before
    assert Dedup(config).outside() == shipped.outside()


def test_no_products(find: Find) -> None:
    found = find([])
    assert found.edges.is_empty()
    assert found.clusters.is_empty()


def test_unknown_policy() -> None:
    with pytest.raises(UsageError, match="no policy 'strict'"):
        Dedup(DedupConfig(policy="strict")).outside()


def test_edges_are_ordered_and_scored(find: Find) -> None:
    edges = find(_mixed_shop()).edges
    assert (edges["product_a"] < edges["product_b"]).all()
    assert edges["score"].is_between(0, 1).all()
    assert edges.equals(edges.sort("product_a", "product_b", "evidence"))
    assert edges.select(pl.struct("product_a", "product_b", "relation", "evidence").is_unique().all()).item()
