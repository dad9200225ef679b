"""The partitions' counts brought together: the corpus tables. Every function takes one bucket, or all there is."""

from __future__ import annotations

from typing import Final

import polars as pl

from m5tools.vocabulary import HEAD_SHARE, MIDDLE_SHARE, Band

_SPREAD: Final = {
    "titles": pl.col("title").n_unique().cast(pl.Int64),
    "categories": pl.col("home").drop_nulls().n_unique().cast(pl.Int64),
}


def phrases(parts: pl.DataFrame, least_products: int, least_titles: int) -> pl.DataFrame:
    """Phrases that enough products of enough titles share."""
    return (
        parts.group_by("phrase")
        .agg(pl.col("products").sum(), **_SPREAD)
        .filter((pl.col("products") >= least_products) & (pl.col("titles") >= least_titles))
        .sort("phrase")
    )


def found(listings: pl.DataFrame, fetched: pl.DataFrame) -> pl.DataFrame:
    """`asset_id`, `product_id`, `title`, `home`: which products list which file, by whatever location."""
    joined = listings.join(fetched, on="location_id").select("asset_id", "product_id", "title", "home")
    return joined.unique().sort("asset_id", "product_id")


def assets(parts: pl.DataFrame) -> pl.DataFrame:
    """How widely each file is shared; products without a category count as no category."""
    return (
        parts.group_by("asset_id")
        .agg(products=pl.col("product_id").n_unique().cast(pl.Int64), **_SPREAD)
        .sort("asset_id")
    )


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
    return parts.group_by("category", "name").agg(pl.col("products").sum()).sort("category", "name")


def names(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Products per source and attribute name, and those of them that list several values under it."""
    return parts.group_by("source", "name").agg(pl.col("products", "several").sum()).sort("source", "name")


def values(parts: pl.DataFrame) -> pl.DataFrame:
    """Values that at least two products list under a name."""
    return _repeated(parts, "name", "value")


def words(parts: pl.DataFrame) -> pl.DataFrame:
    """Words that at least two products of a category have in their titles."""
    return _repeated(parts, "word", "category")


def brands(parts: pl.LazyFrame) -> pl.LazyFrame:
    """Products per brand."""
    return parts.group_by("brand").agg(pl.col("products").sum()).sort("brand")


def _repeated(parts: pl.DataFrame, *by: str) -> pl.DataFrame:
    return parts.group_by(by).agg(pl.col("products").sum()).filter(pl.col("products") >= 2).sort(by)
