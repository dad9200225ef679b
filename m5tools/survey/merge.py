"""The partitions' counts brought together: the corpus tables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from m5tools.vocabulary import HEAD_SHARE, MIDDLE_SHARE, Band

_SPREAD: Final = {
    "titles": pl.col("title").n_unique().cast(pl.Int64),
    "categories": pl.col("category").drop_nulls().n_unique().cast(pl.Int64),
}


def phrases(parts: pl.LazyFrame, least_products: int, least_titles: int) -> pl.LazyFrame:
    """Phrases that enough products of enough titles share."""
    return (
        parts.group_by("phrase")
        .agg(pl.col("products").sum(), **_SPREAD)
        .filter((pl.col("products") >= least_products) & (pl.col("titles") >= least_titles))
        .sort("phrase")
    )


def assets(parts: pl.LazyFrame) -> pl.LazyFrame:
    """How widely each file is shared; products without a category count as no category."""
    return parts.group_by("asset_id").agg(pl.col("products").sum(), **_SPREAD).sort("asset_id")


def categories(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Sizes, ranks and bands: the largest categories up to the one that completes half of all products are the head,
    from there up to the one that completes nine tenths the middle, the rest the tail."""
    before = (pl.col("products").cum_sum() - pl.col("products")) / pl.col("products").sum()
    return (
        parts.group_by("category")
        .agg(pl.col("products").sum())
        .sort(["products", "category"], descending=[True, False])
        .with_columns(rank=pl.int_range(1, pl.len() + 1, dtype=pl.Int64), before=before)
        .with_columns(
            band=pl.when(pl.col("before") < HEAD_SHARE)
            .then(pl.lit(Band.HEAD.value))
            .when(pl.col("before") < MIDDLE_SHARE)
            .then(pl.lit(Band.MIDDLE.value))
            .otherwise(pl.lit(Band.TAIL.value))
        )
        .drop("before")
        .sort("category")
    )


def attributes(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Products per category and attribute name."""
    return _summed(parts, "category", "name")


def names(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Products per attribute name, and those of them that list several values under it."""
    return parts.group_by("name").agg(pl.col("products", "several").sum()).sort("name")


def values(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Values that at least two products list under a name."""
    return _summed(parts, "name", "value").filter(pl.col("products") >= 2)


def brands(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Products per brand."""
    return _summed(parts, "brand")


def _summed(parts: pl.LazyFrame, *by: str) -> pl.LazyFrame:
    return parts.group_by(by).agg(pl.col("products").sum()).sort(by)


MERGES: Final[Mapping[str, Callable[[pl.LazyFrame], pl.LazyFrame]]] = {
    "corpus_assets": assets,
    "corpus_categories": categories,
    "corpus_attributes": attributes,
    "corpus_names": names,
    "corpus_values": values,
    "corpus_brands": brands,
}
