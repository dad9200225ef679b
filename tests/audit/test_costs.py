"""What leaving out products costs the tail, of tags and of cuts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from m5tools.audit import NotYet, audit, costs
from m5tools.audit.costs import Cost
from m5tools.concentration import effective_classes, gini
from m5tools.dataset import Dataset

Make = Callable[..., Any]


def tag(row: dict[str, Any], name: str, asset: str | None = None) -> dict[str, Any]:
    return {
        "product_id": row["product_id"], "asset_id": asset, "tag": name, "modality": name.partition(".")[0],
        "signal": "some_signal", "value": 0.25, "threshold": 0.5, "policy": "default",
    }  # fmt: skip


def test_lost_thinned_and_what_is_left() -> None:
    sizes = np.array([100, 40, 12, 10, 9, 1])
    left_out = np.array([0, 40, 3, 0, 1, 1])
    found = costs.cost("x", 50, sizes, left_out)
    assert (found.lost, found.thinned) == (2, 1)
    assert found.after == costs.Shape(
        4, 2, pytest.approx(gini([100, 9, 10, 8])), pytest.approx(effective_classes([100, 9, 10, 8]))
    )
    assert [(b.band, b.products, b.share) for b in found.bands] == [
        ("head", 0, 0.0),
        ("middle", 43, pytest.approx(43 / 62)),
        ("tail", 2, 0.2),
    ]


def test_leaving_out_everything_or_nothing() -> None:
    sizes = np.array([5, 3])
    nothing = costs.cost("x", 0, sizes, np.zeros(2, dtype=np.int64))
    assert (nothing.lost, nothing.thinned, nothing.after) == (0, 0, costs.shape(sizes))
    everything = costs.cost("x", 8, sizes, sizes)
    assert (everything.lost, everything.after) == (2, costs.Shape(0, 0, 0.0, 0.0))


@pytest.fixture
def rows(product: Make) -> list[dict[str, Any]]:
    """50 products in the head, 40 in the middle, 10 in the tail, one without category."""
    names = ["big"] * 50 + ["middling"] * 40 + ["small"] * 10
    return [product(i, [name]) for i, name in enumerate(names)] + [product(100)]


def test_tags_cost_the_products_that_have_them(
    make_dataset: Callable[..., Dataset], rows: list[dict[str, Any]]
) -> None:
    tagged = [tag(row, "image.blank", asset) for row in rows[45:55] for asset in ("a", "b")]
    tagged += [tag(row, "text.short") for row in rows[90:]] + [tag(rows[95], "table.sparse")]
    found = audit(make_dataset({"products": rows, "tags": tagged}, partitions=4))
    assert isinstance(found.tag_costs, tuple)
    by_name = {c.what: c for c in found.tag_costs}
    assert [c.what for c in found.tag_costs] == [costs.ANY_TAG, "text.short", "image.blank", "table.sparse"]
    assert (by_name["text.short"].products, by_name["text.short"].lost) == (11, 1)
    assert [b.share for b in by_name["text.short"].bands] == [0.0, 0.0, 1.0]
    assert (by_name["image.blank"].products, by_name["image.blank"].lost) == (10, 0)
    assert (by_name["table.sparse"].lost, by_name["table.sparse"].thinned) == (0, 1)
    whole = by_name[costs.ANY_TAG]
    assert (whole.products, whole.lost, whole.after.categories) == (21, 1, 2)
    assert whole.after.gini == pytest.approx(gini([45, 35]))
    assert found.shape == costs.shape(np.array([50, 40, 10]))
    assert found.cut_costs == NotYet("m5 cut")


def test_cuts_cost_what_their_rules_left_out(make_dataset: Callable[..., Dataset], rows: list[dict[str, Any]]) -> None:
    five = [0] * 5

    def placed(row: dict[str, Any]) -> dict[str, Any]:
        return {"product_id": row["product_id"], "category": row["category"][0] if row["category"] else None}

    kept = [
        placed(row) | {"split": "train", "present": 31, "state": five, "reason": five, "withheld_by": [""] * 5}
        for row in rows[20:85]
    ]
    losses = [placed(row) | {"rule": "duplicates", "band": "head"} for row in rows[:20]]
    losses += [placed(row) | {"rule": "needs image", "band": None} for row in rows[85:]]
    found = audit(make_dataset({"products": rows, "cut_products": kept, "cut_losses": losses}, partitions=3)).cut_costs
    assert isinstance(found, tuple)
    (cut,) = found
    assert (cut.cut, cut.kept, cut.before) == ("default", 65, costs.shape(np.array([50, 40, 10])))
    assert (cut.whole.products, cut.whole.lost, cut.whole.thinned) == (36, 1, 0)
    assert cut.whole.after == costs.shape(np.array([30, 35]))
    assert [(c.what, c.products, c.lost) for c in cut.rules] == [("duplicates", 20, 0), ("needs image", 16, 1)]
    assert isinstance(cut.rules[0], Cost)
    assert cut.rules[0].after == costs.shape(np.array([30, 40, 10]))


def test_a_cut_that_keeps_everything_costs_nothing(
    make_dataset: Callable[..., Dataset], rows: list[dict[str, Any]]
) -> None:
    five = [0] * 5
    kept = [
        {"product_id": row["product_id"], "split": "train", "present": 31, "state": five, "reason": five,
         "withheld_by": [""] * 5, "category": "all"} for row in rows
    ]  # fmt: skip
    found = audit(make_dataset({"products": rows, "cut_products": kept, "cut_losses": []})).cut_costs
    assert isinstance(found, tuple)
    assert (found[0].whole.products, found[0].whole.lost, found[0].rules) == (0, 0, ())
    assert found[0].whole.after == found[0].before
