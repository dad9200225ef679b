"""Combinations of modalities, states and reasons, and holes by category."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from m5tools.audit import audit
from m5tools.dataset import Dataset
from m5tools.vocabulary import MODALITIES

Make = Callable[..., Any]


def test_all_31_combinations_are_told_apart(make_dataset: Callable[..., Dataset], product: Make, states: Make) -> None:
    masks = [mask for mask in range(32) for _ in range(mask + 1)]
    found = audit(
        make_dataset(
            {
                "products": [product(i) for i in range(len(masks))],
                "modalities": [row for i, mask in enumerate(masks) for row in states(i, mask)],
            },
            partitions=3,
        )
    ).completeness
    assert found.basis == "present"
    assert found.products == len(masks) == sum(c.products for c in found.combinations) + found.nothing
    assert found.nothing == 1
    assert len({c.modalities for c in found.combinations}) == 31
    for combination in found.combinations:
        mask = sum(1 << m.bit for m in MODALITIES if m.value in combination.modalities)
        assert combination.products == mask + 1
        assert combination.at_least == sum(1 for other in masks if other & mask == mask)
    assert [c.products for c in found.combinations] == sorted((c.products for c in found.combinations), reverse=True)
    assert found.complete == 32


def test_states_and_reasons_add_up_for_every_modality(
    make_dataset: Callable[..., Dataset], product: Make, states: Make
) -> None:
    dataset = make_dataset(
        {
            "products": [product(i) for i in range(10)],
            "modalities": [row for i in range(10) for row in states(i, 0b00110 if i < 7 else 0b11111)],
        }
    )
    found = audit(dataset).completeness
    assert [(s.state, s.reason, s.products) for s in found.states] == [
        ("present", "none", (3, 10, 10, 3, 3)),
        ("failed", "dead_link", (7, 0, 0, 7, 7)),
    ]
    assert [(m.modality, m.products, m.listed) for m in found.modalities] == [
        ("image", 3, 10), ("text", 10, 10), ("table", 10, 10), ("video", 3, 10), ("audio", 3, 10),
    ]  # fmt: skip


def test_heat_map_shows_the_largest_categories(
    make_dataset: Callable[..., Dataset], product: Make, states: Make
) -> None:
    dataset = make_dataset(
        {
            "products": [product(i, ["home", "lamps"] if i < 8 else ["toys"]) for i in range(10)] + [product(10)],
            "modalities": [row for i in range(11) for row in states(i, 0b00011 if i % 2 else 0b00010)],
        }
    )
    heat = audit(dataset).completeness.heat
    assert [(row.category, row.products) for row in heat] == [("home > lamps", 8), ("toys", 2)]
    assert heat[0].shares == pytest.approx((0.5, 1, 0, 0, 0))


def test_before_tags_the_listing_is_counted(make_dataset: Callable[..., Dataset], product: Make) -> None:
    pair = {"crawl_id": "c1", "position": 0, "is_option": False, "name_raw": "n", "name": "n"}
    image = {
        "crawl_id": "c1",
        "source": "shop",
        "position": 0,
        "location_raw": "x",
        "location": "x",
        "location_id": "x",
    }
    rows = [product(0), product(1, title=" ", description="words"), product(2, title=None), product(3, title="\t")]
    ids = [row["product_id"] for row in rows]
    dataset = make_dataset(
        {
            "products": rows,
            "attributes": [{**pair, "product_id": ids[0], "value": "v"}, {**pair, "product_id": ids[2], "value": None}],
            "media": [{**image, "product_id": i, "modality": "image"} for i in ids[:3]]
            + [{**image, "product_id": ids[0], "modality": "video"}],
        }
    )
    found = audit(dataset).completeness
    assert found.basis == "listed"
    assert {c.modalities: c.products for c in found.combinations if c.products} == {
        ("image", "text", "table", "video"): 1,
        ("image", "text"): 1,
        ("image",): 1,
    }
    assert found.nothing == 1
    assert [(m.modality, m.listed, m.unlisted_share) for m in found.modalities] == [
        ("image", 3, 0.25), ("text", 2, 0.5), ("table", 1, 0.75), ("video", 1, 0.75), ("audio", 0, 1.0),
    ]  # fmt: skip
    assert found.states == ()
