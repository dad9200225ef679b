"""Which products a gallery shows: a fair draw by seed, and of clusters the survivor first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from m5tools.audit.gallery import sample
from m5tools.dataset import Dataset

from ..conftest import product_id

Make = Callable[..., Any]
PRODUCTS = 400


@pytest.fixture
def tagged(make_dataset: Callable[..., Dataset], product: Make, states: Make) -> Dataset:
    judged = {"modality": "image", "signal": "relief", "threshold": 6.0, "comparison": "below", "policy": "default"}
    tags = [
        {"product_id": product_id(i), "asset_id": f"{file}{i}", "tag": "image.blank", "value": float(file), **judged}
        for i in range(PRODUCTS)
        for file in (2, 1)
    ]
    return make_dataset(
        {
            "products": [product(i) for i in range(PRODUCTS)],
            "tags": [*tags, {**tags[0], "tag": "image.tiny"}],
            "modalities": [row for i in range(PRODUCTS) for row in states(i, i % 2)],
            "clusters": [
                {"relation": "variant", "cluster_id": product_id(i // 10 * 10), "product_id": product_id(i),
                 "is_survivor": i % 10 == 7}
                for i in range(60)
            ],
            "edges": [
                {"product_a": min(product_id(i), product_id(i + 7)), "product_b": max(product_id(i), product_id(i + 7)),
                 "relation": "same_offer", "evidence": "identifier", "score": 1.0, "detail": f"gtin {i}"}
                for i in range(0, 60, 10)
            ],
        }
    )  # fmt: skip


def test_a_tag_shows_each_product_once_with_what_it_rests_on(tagged: Dataset) -> None:
    blank, tiny = sample.tags(tagged, "default", seed=0, most=24)
    assert (blank.key, blank.modality, blank.total, len(blank.examples)) == ("image.blank", "image", PRODUCTS, 24)
    assert len(set(blank.products)) == 24
    for example in blank.examples:
        assert example.asset_id is not None
        assert example.asset_id.startswith("1"), "of several files the first by id"
        assert (example.signal, example.value, example.comparison, example.threshold) == ("relief", 1.0, "below", 6.0)
    assert (tiny.total, tiny.products) == (1, (product_id(0),))


def test_another_seed_draws_others_and_the_same_seed_the_same(tagged: Dataset) -> None:
    draws = [sample.tags(tagged, "default", seed=seed, most=24)[0].products for seed in (0, 0, 1, 2)]
    assert draws[0] == draws[1]
    assert len({frozenset(drawn) for drawn in draws}) == 3


def test_the_draw_does_not_ask_how_the_table_is_cut(
    tagged: Dataset, make_dataset: Callable[..., Dataset], product: Make
) -> None:
    tags = tagged.scan("tags", policy="default").collect().to_dicts()
    products = [product(i) for i in reversed(range(PRODUCTS))]
    other = make_dataset({"products": products, "tags": tags[::-1]}, partitions=7, name="other")
    assert sample.tags(other, "default", 3, 24) == sample.tags(tagged, "default", 3, 24)


def test_states_have_a_shelf_for_every_reason(tagged: Dataset) -> None:
    shelves = {shelf.key: shelf for shelf in sample.states(tagged, "default", seed=0, most=5)}
    assert list(shelves) == [
        "audio failed dead_link", "image present", "image failed dead_link", "table failed dead_link",
        "text failed dead_link", "video failed dead_link",
    ]  # fmt: skip
    assert shelves["image present"].total == PRODUCTS // 2
    assert all(int(product[4:], 16) % 2 for product in shelves["image present"].products)


def test_a_cluster_shows_its_survivor_first_and_what_joins_it(tagged: Dataset) -> None:
    (shelf,) = sample.relations(tagged, seed=0, most=4)
    assert (shelf.key, shelf.total, len(shelf.clusters)) == ("variant", 6, 4)
    for cluster in shelf.clusters:
        first = int(cluster.cluster_id[4:], 16)
        assert cluster.products == 10
        assert len(cluster.members) == sample.MEMBERS
        assert cluster.members[0] == product_id(first + 7)
        both = {cluster.cluster_id, product_id(first + 7)} <= set(cluster.members)
        assert [edge["detail"] for edge in cluster.edges] == ([f"gtin {first}"] if both else [])
    assert any(cluster.edges for cluster in shelf.clusters)


def test_equal_records_do_not_crowd_the_draw(make_dataset: Callable[..., Dataset], product: Make) -> None:
    """Equal rows without a native id share the first four digits of their ids."""
    judged = {"tag": "text.short", "modality": "text", "signal": "s", "policy": "default"}
    ids = [
        f"{'00ff' if equal else f'{i:04x}'}{i * 0x9E3779B97F4A7C15 % 16**28:028x}"
        for i in range(200)
        for equal in (0, 1)
    ]
    dataset = make_dataset(
        {
            "products": [product(i, product_id=name) for i, name in enumerate(ids)],
            "tags": [{"product_id": name, **judged} for name in ids],
        }
    )
    (shelf,) = sample.tags(dataset, "default", seed=0, most=40)
    assert 8 < sum(name.startswith("00ff") for name in shelf.products) < 32
