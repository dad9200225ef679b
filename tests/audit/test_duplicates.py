"""Clusters by relation and size, and the leak check."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from m5tools.audit import NotYet, audit
from m5tools.audit.duplicates import Duplicates, Splits
from m5tools.dataset import Dataset

Make = Callable[..., Any]


def cluster(relation: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    ids = sorted(row["product_id"] for row in rows)
    return [{"relation": relation, "cluster_id": ids[0], "product_id": i, "is_survivor": i == ids[0]} for i in ids]


def test_clusters_are_counted_across_partitions(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(i) for i in range(200)]
    clusters = [
        *cluster("same_offer", rows[:2]),
        *cluster("same_offer", rows[2:7]),
        *cluster("variant", rows[7:127]),
    ]
    edge = {"relation": "same_offer", "score": 1.0, "detail": "x"}
    ids = sorted(row["product_id"] for row in rows[:3])
    edges = [
        {**edge, "product_a": ids[0], "product_b": ids[1], "evidence": "text"},
        {**edge, "product_a": ids[1], "product_b": ids[2], "evidence": "image", "relation": "variant"},
    ]
    found = audit(make_dataset({"products": rows, "clusters": clusters, "edges": edges}, partitions=5)).duplicates
    assert isinstance(found, Duplicates)
    offer, same, variant = found.relations
    assert (offer.clusters, offer.products, offer.redundant, offer.largest) == (2, 7, 5, 5)
    assert [s.clusters for s in offer.sizes] == [1, 0, 1, 0, 0, 0]
    assert (same.clusters, same.products, same.largest) == (0, 0, 0)
    assert [s.clusters for s in variant.sizes] == [0, 0, 0, 0, 0, 1]
    assert [(e.evidence, e.edges) for e in found.evidence] == [("image", (0, 0, 1)), ("text", (1, 0, 0))]


def test_a_cluster_across_splits_is_a_leak(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(i) for i in range(20)]
    clusters = [*cluster("same_product", rows[:3]), *cluster("same_product", rows[3:6]), *cluster("variant", rows[6:8])]
    splits = [
        {"product_id": row["product_id"], "split": "test" if i == 5 else "train", "bridge": False}
        for i, row in enumerate(rows)
    ]
    found = audit(make_dataset({"products": rows, "clusters": clusters, "splits": splits[:-1]}, partitions=4)).splits
    assert isinstance(found, Splits)
    assert isinstance(found.leaks, tuple)
    assert [(leak.relation, leak.checked, leak.clusters, leak.products) for leak in found.leaks] == [
        ("same_offer", 0, 0, 0),
        ("same_product", 2, 1, 3),
        ("variant", 1, 0, 0),
    ]
    (example,) = found.leaks[1].examples
    ids = [row["product_id"] for row in rows]
    assert example.cluster_id == min(ids[3:6])
    assert [(p.split, p.product_id) for p in example.products] == [("test", ids[5]), ("train", min(ids[3:5]))]
    assert [(s.split, s.products) for s in found.splits] == [("train", 18), ("val", 0), ("test", 1)]
    assert found.unassigned == 1


def test_without_clusters_the_leak_check_waits(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(0)]
    found = audit(
        make_dataset(
            {"products": rows, "splits": [{"product_id": rows[0]["product_id"], "split": "val", "bridge": False}]}
        )
    )
    assert isinstance(found.splits, Splits)
    assert found.splits.leaks == NotYet("m5 dedup")
    assert found.duplicates == NotYet("m5 dedup")
