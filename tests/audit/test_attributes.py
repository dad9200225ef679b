"""Attribute names over all and by category."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from m5tools.audit import attributes, audit
from m5tools.dataset import Dataset

Make = Callable[..., Any]


def test_attributes(make_dataset: Callable[..., Dataset], product: Make) -> None:
    rows = [product(i) for i in range(4)]

    def pair(number: int, position: int, name: str, value: str | None, amount: float | None = None) -> dict[str, Any]:
        return {
            "product_id": rows[number]["product_id"], "crawl_id": "c1", "position": position, "is_option": False,
            "name_raw": name, "name": name, "value": value, "number": amount,
        }  # fmt: skip

    listed = [
        pair(0, 0, "weight", "2 kg", 2.0),
        pair(0, 1, "weight", "3 kg", 3.0),
        pair(1, 0, "weight", None),
        pair(2, 0, "weight", "heavy"),
        pair(3, 0, "colour", "red"),
    ]
    found = audit(make_dataset({"products": rows, "attributes": listed})).attributes
    weight, colour = found.names
    assert (weight.name, weight.products, weight.share) == ("weight", 3, 0.75)
    assert (weight.filled, weight.numeric) == (0.75, pytest.approx(2 / 3))
    assert (colour.products, colour.numeric) == (1, 0.0)
    assert (found.pairs, found.tail.classes, found.tail.singletons) == (5, 2, 1)


def test_attributes_of_the_largest_categories(
    make_dataset: Callable[..., Dataset], product: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attributes, "CATEGORIES_LISTED", 2)
    homes = [["lamps"]] * 4 + [["chairs"]] * 3 + [["toys"]] + [None]
    rows = [product(i, home) for i, home in enumerate(homes)]

    def pair(number: int, position: int, name: str, value: str | None = "v") -> dict[str, Any]:
        return {
            "product_id": rows[number]["product_id"], "crawl_id": "c1", "position": position, "is_option": False,
            "name_raw": name, "name": name, "value": value,
        }  # fmt: skip

    listed = [pair(i, 0, "watt") for i in range(3)]
    listed += [pair(0, 1, "watt"), pair(0, 2, "colour"), pair(1, 1, "colour", None), pair(2, 1, "colr")]
    listed += [pair(7, 0, "watt"), pair(8, 0, "age")]
    found = audit(make_dataset({"products": rows, "attributes": listed}, partitions=5)).attributes
    lamps, chairs = found.categories
    assert (lamps.category, lamps.products, lamps.listing) == ("lamps", 4, 0.75)
    assert (lamps.pairs, lamps.filled) == (7 / 4, pytest.approx(6 / 7))
    assert (lamps.names, lamps.common, lamps.once) == (3, 2, 1)
    assert [(a.name, a.share) for a in lamps.common_names] == [("watt", 0.75), ("colour", 0.5), ("colr", 0.25)]
    assert (chairs.products, chairs.listing, chairs.names, chairs.common_names) == (3, 0.0, 0, ())
    assert {a.name: a.products for a in found.names} == {"watt": 4, "colour": 2, "colr": 1, "age": 1}
    assert (found.pairs, found.tail.classes) == (9, 4)
