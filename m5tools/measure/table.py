"""Signals of a product's attribute table, over whole columns."""

from __future__ import annotations

from collections.abc import Collection

import polars as pl

from m5tools import wording


def signals(
    products: pl.DataFrame,
    attributes: pl.DataFrame,
    usual: pl.DataFrame,
    lists: pl.DataFrame,
    placeholders: Collection[str],
) -> pl.DataFrame:
    """Rows of `signals_table`, one for every product, listed attributes or not.

    Args:
        products: `product_id`, `category` (key).
        attributes: rows of `attributes`.
        usual: `category`, `name`: the names that a category usually lists.
        lists: `name`: the names that hold lists, so that several values are no contradiction.
        placeholders: values that say nothing, lower case.
    """
    empty = wording.says_nothing(pl.col("value"), placeholders)
    pairs = attributes.with_columns(empty=empty.fill_null(False))
    filled = pl.col("value").is_not_null()
    counted = pairs.group_by("product_id").agg(
        attributes=pl.len(),
        filled=filled.sum(),
        placeholder_share=pl.col("empty").sum() / filled.sum(),
        parsed_share=(pl.col("number").is_not_null() & filled).sum() / filled.sum(),
    )
    repeated = (
        pairs.group_by("product_id", "name", "language")
        .agg(
            times=pl.len(),
            differ=pl.col("value")
            .filter(~pl.col("empty") & ~pl.col("is_option"))
            .drop_nulls()
            .str.to_lowercase()
            .n_unique()
            > 1,
        )
        .group_by("product_id")
        .agg(
            repeated_names=pl.col("name").filter(pl.col("times") > 1).n_unique(),
            contradictory_names=pl.col("name")
            .filter("differ", ~pl.col("name").is_in(lists["name"].implode()))
            .n_unique(),
        )
    )
    zero = pl.col("attributes", "filled", "repeated_names", "contradictory_names").fill_null(0).cast(pl.Int32)
    return (
        products.select("product_id")
        .join(counted, on="product_id", how="left")
        .join(repeated, on="product_id", how="left")
        .join(_coverage(products, pairs, usual), on="product_id", how="left")
        .with_columns(zero, pl.col("placeholder_share", "parsed_share").fill_nan(None))
        .sort("product_id")
    )


def usual_names(
    attributes: pl.DataFrame, categories: pl.DataFrame, least_products: int, least_share: float
) -> pl.DataFrame:
    """`category`, `name` that at least this share of a category's products list; small categories have none.

    Args:
        attributes: `corpus_attributes`.
        categories: `corpus_categories`.
        least_products: size from which a category tells what is usual.
        least_share: share of its products that list the name.
    """
    sizes = categories.filter(pl.col("products") >= least_products).select("category", size="products")
    listed = attributes.join(sizes, on="category")
    return listed.filter(pl.col("products") >= least_share * pl.col("size")).select("category", "name")


def list_names(names: pl.DataFrame, least_share: float) -> pl.DataFrame:
    """`name` under which shops list several values as a habit: occasions, styles, features.

    A product is judged by the others, itself left out: the one product that gives two materials contradicts itself,
    not the habit.

    Args:
        names: `corpus_names`.
        least_share: share of the other products that list the name with different values.
    """
    others = (pl.col("several") - 1) / (pl.col("products") - 1)
    return names.filter(pl.col("products") > 1, others >= least_share).select("name")


def _coverage(products: pl.DataFrame, pairs: pl.DataFrame, usual: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `category_coverage`, for products whose category usually lists something."""
    expected = usual.group_by("category").agg(expected=pl.len())
    has = pairs.filter(pl.col("value").is_not_null()).select("product_id", "name").unique()
    found = (
        has.join(products.select("product_id", "category"), on="product_id")
        .join(usual, on=["category", "name"], how="semi")
        .group_by("product_id")
        .agg(found=pl.len())
    )
    return (
        products.select("product_id", "category")
        .join(expected, on="category")
        .join(found, on="product_id", how="left")
        .select("product_id", category_coverage=pl.col("found").fill_null(0) / pl.col("expected"))
    )


def category_keys(products: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `category` as a key."""
    return products.select("product_id", category=wording.category_key(pl.col("category")))
