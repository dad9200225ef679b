"""The category tree level by level."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from m5tools.audit import audit, levels
from m5tools.dataset import Dataset

Make = Callable[..., Any]


def test_a_product_counts_in_every_category_on_its_path(make_dataset: Callable[..., Dataset], product: Make) -> None:
    paths = [["Home", "Lamps", "Desk lamps"]] * 5 + [["Home", "Lamps"]] * 2 + [["Home", "Chairs"]] * 2 + [["Toys"]] * 1
    rows = [product(i, path) for i, path in enumerate(paths)] + [product(10), product(11, [])]
    root, second, third = audit(make_dataset({"products": rows}, partitions=4)).levels
    assert (root.level, root.reaching, root.share, root.tail.classes, root.branching) == (1, 10, 1.0, 2, 1)
    assert (root.ending, root.inner) == (1, 0)
    assert (second.reaching, second.share, second.tail.classes) == (9, 0.9, 2)
    assert (second.ending, second.inner, second.branching) == (4, 2, 1)
    assert (third.reaching, third.ending, third.inner, third.branching) == (5, 5, 0, 0)
    assert [(b.category, b.products, b.children, b.band) for b in root.largest] == [
        ("Home", 9, 2, "head"),
        ("Toys", 1, 0, "tail"),
    ]
    assert [(b.category, b.products, b.share) for b in second.largest] == [
        ("Home > Lamps", 7, pytest.approx(7 / 9)),
        ("Home > Chairs", 2, pytest.approx(2 / 9)),
    ]
    assert [(p.rank, p.products) for p in second.curve] == [(1, 7), (2, 2)]


def test_equal_names_under_different_parents_are_different_categories(
    make_dataset: Callable[..., Dataset], product: Make
) -> None:
    rows = [product(0, ["Men", "Shoes"]), product(1, ["Women", "Shoes"]), product(2, ["a > b"]), product(3, ["a", "b"])]
    found = audit(make_dataset({"products": rows})).levels
    assert [level.tail.classes for level in found] == [4, 3]
    assert [level.tail.singletons for level in found] == [4, 3]


def test_without_branches_the_first_level_is_the_leaf_level(
    make_dataset: Callable[..., Dataset], product: Make
) -> None:
    rows = [product(i, [f"c{i % 7}"]) for i in range(40)]
    found = audit(make_dataset({"products": rows}))
    assert len(found.levels) == 1
    assert found.levels[0].tail == found.categories.tail


def test_deep_paths_are_told_of_to_a_depth(make_dataset: Callable[..., Dataset], product: Make) -> None:
    found = audit(make_dataset({"products": [product(0, [str(i) for i in range(40)])]})).levels
    assert len(found) == levels.DEEPEST
    assert audit(make_dataset({"products": [product(0)]}, name="none")).levels == ()
