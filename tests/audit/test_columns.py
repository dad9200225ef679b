"""Counts of partitions added up."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest

from m5tools.audit import columns
from m5tools.dataset import Dataset

Make = Callable[..., Any]


@pytest.mark.parametrize("at_once", [1, 7, 1_000_000])
def test_sums_do_not_depend_on_how_many_rows_wait(
    make_dataset: Callable[..., Dataset], product: Make, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(columns, "ROWS_AT_ONCE", at_once)
    dataset = make_dataset({"products": [product(i, [f"c{i % 5}"], price=float(i)) for i in range(60)]}, partitions=9)
    found = columns.summed(
        dataset,
        lambda i: (
            columns.categories(dataset, i)
            .join(dataset.scan("products", partition=i).select("product_id", "price"), on="product_id")
            .group_by("category")
            .agg(pl.len().cast(pl.Int64).alias("products"), least=pl.col("price").min())
        ),
        ["category"],
        {"least": pl.col("least").min()},
    )
    assert found.select("category", "products", "least").rows() == [(f"c{i}", 12, float(i)) for i in range(5)]
