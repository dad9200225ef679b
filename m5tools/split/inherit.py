"""Products that come with a later crawl: who is related to old ones goes where these are."""

from __future__ import annotations

import polars as pl


def inherited(products: pl.DataFrame, group: pl.Series) -> pl.DataFrame:
    """Hand the split of old products on to the newcomers of their group.

    Args:
        products: columns row (ascending), split (null: not decided), is_new, bridge (bool).
        group: per product which group it belongs to.

    Returns:
        The same columns. A newcomer without a split takes that of the first old product of its group, or of the first
        newcomer that has one. `bridge` is set for newcomers whose group stood in several splits before they came, and
        for those that have another split than their group.
    """
    old = pl.when(~pl.col("is_new")).then("split")
    wanted = pl.coalesce(old.drop_nulls().first().over("group"), pl.col("split").drop_nulls().first().over("group"))
    torn = old.n_unique().over("group") - old.is_null().any().over("group").cast(pl.UInt32) > 1
    return (
        products.with_columns(group=group)
        .with_columns(wanted=wanted, torn=torn)
        .with_columns(
            split=pl.coalesce("split", "wanted"),
            bridge=pl.col("bridge")
            | (
                pl.col("is_new")
                & (pl.col("torn") | (pl.coalesce("split", "wanted") != pl.col("wanted")).fill_null(False))
            ),
        )
        .drop("group", "wanted", "torn")
    )


def across(products: pl.DataFrame, bridges: pl.DataFrame) -> pl.DataFrame:
    """Mark the new products of which an edge that was not followed leads into another split.

    Args:
        products: columns row, split, is_new, bridge.
        bridges: columns row (of one that was new then), other.
    """
    of = products.select("row", "split")
    torn = (
        bridges.join(of, on="row")
        .join(of, left_on="other", right_on="row", suffix="_other")
        .filter(pl.col("split") != pl.col("split_other"))["row"]
    )
    told = pl.col("is_new") & pl.col("row").is_in(torn.unique().sort().implode())
    return products.with_columns(bridge=pl.col("bridge") | told)
