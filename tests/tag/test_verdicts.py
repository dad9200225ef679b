"""Comparisons at the threshold itself."""

from __future__ import annotations

import polars as pl
import pytest

from m5tools.tag.policy import Policy
from m5tools.tag.verdicts import judge


@pytest.mark.parametrize(
    ("comparison", "holds"),
    [("below", "lower"), ("above", "upper"), ("at_least", "exact upper"), ("at_most", "lower exact")],
)
@pytest.mark.parametrize("threshold", [0.1, 0.4, 0.6, 0.9, 0.95])
def test_a_share_that_is_the_threshold_is_at_it(comparison: str, holds: str, threshold: float) -> None:
    """Shares are float32: 0.9 of them is less than 0.9 as float64, 0.4 more than 0.4."""
    rule = {"tag": "text.boilerplate", "signals": "text", "modality": "text", "why": "x",
            "when": [{"signal": "boilerplate_share", comparison: threshold}]}  # fmt: skip
    shares = pl.Series([threshold - 1e-6, threshold, threshold + 1e-6, None], dtype=pl.Float32)
    rows = pl.LazyFrame({"product_id": ["lower", "exact", "upper", "unknown"], "boilerplate_share": shares})
    found = judge(Policy.model_validate({"policy": "p", "rules": [rule]}), "text", rows, "product_id")
    assert sorted(found["product_id"]) == sorted(holds.split())


@pytest.mark.parametrize(("threshold", "held"), [(1, ["yes"]), (0, ["no", "yes"])])
def test_yes_and_no_are_one_and_zero(threshold: float, held: list[str]) -> None:
    rule = {"tag": "text.short", "signals": "text", "modality": "text", "why": "x",
            "when": [{"signal": "title_says_nothing", "at_least": threshold}]}  # fmt: skip
    rows = pl.LazyFrame({"product_id": ["yes", "no"], "title_says_nothing": [True, False]})
    found = judge(Policy.model_validate({"policy": "p", "rules": [rule]}), "text", rows, "product_id")
    assert sorted(found["product_id"]) == held
