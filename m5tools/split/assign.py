"""Which split each group of products falls into.

Held out by product: within a category groups are ordered by a seeded hash of their smallest product id and cut by
systematic sampling: the middle of each group, as a share of the category's products and shifted by a phase drawn per
category, falls into val, test or train. Large categories keep the wanted shares almost exactly; of small ones, the
wanted shares of all their products together. A category's cut depends on nothing outside it.

Held out by category: the same over whole categories, in one order. A category that holds more products than val or
test may have in all would be the whole of it, so it trains.

Nothing depends on the order of rows or files.
"""

from __future__ import annotations

import polars as pl
from xxhash import xxh3_64_intdigest

from m5tools.vocabulary import Split


def by_product(products: pl.DataFrame, group: pl.Series, *, val: float, test: float, seed: int) -> pl.DataFrame:
    """The split of every product, every category split alike.

    Args:
        products: columns product_id (ascending) and category ("" where unknown).
        group: per product the place of its group's smallest product.
        val: share of products for validation.
        test: share of products for the test.
        seed: another seed, another split.

    Returns:
        Columns product_id, split; in the order of `products`.
    """
    sized = products.with_columns(group=group).group_by("group", maintain_order=True).agg(size=pl.len())
    firsts = products[sized["group"].cast(pl.Int64)]
    of = sized.with_columns(category=firsts["category"], draw=draws(firsts["product_id"], seed))
    return _handed_on(products, group, _cut(of, val, test, seed))


def by_category(products: pl.DataFrame, group: pl.Series, *, val: float, test: float, seed: int) -> pl.DataFrame:
    """The split of every product, no category in two splits; arguments and columns as :func:`by_product`.

    Args:
        products: columns product_id (ascending) and category.
        group: groups in which every category is whole.
        val: share of products for validation.
        test: share of products for the test.
        seed: another seed, another split.
    """
    sized = products.with_columns(group=group).group_by("group", maintain_order=True).agg(size=pl.len())
    firsts = products[sized["group"].cast(pl.Int64)]
    of = sized.with_columns(category=pl.lit(""), draw=draws(firsts["product_id"], seed))
    largest = min(share for share in (val, test, 1.0) if share > 0) * products.height
    spread = of.filter(pl.col("size") <= largest)
    total = products.height / max(int(spread["size"].sum()), 1)
    cut = _cut(spread, min(val * total, 1.0), min(test * total, 1.0), seed)
    large = of.filter(pl.col("size") > largest).select("group", split=pl.lit(Split.TRAIN.value))
    return _handed_on(products, group, pl.concat([cut, large]))


def draws(names: pl.Series, seed: int) -> pl.Series:
    """A number in [0, 1) for every name, a pure function of name and seed (xxh3-64)."""
    return pl.Series([xxh3_64_intdigest(name.encode(), seed) / 2**64 for name in names], dtype=pl.Float64)


def _cut(of: pl.DataFrame, val: float, test: float, seed: int) -> pl.DataFrame:
    """Systematic sampling of groups (columns group, size, category, draw) within each category."""
    drawn = of.sort("category", "draw", "group").with_columns(
        middle=(pl.col("size").cum_sum().over("category") - pl.col("size") / 2) / pl.col("size").sum().over("category")
    )
    names = drawn["category"].unique().sort()
    phases = pl.DataFrame({"category": names, "phase": draws(names, seed)})
    place = (pl.col("middle") + pl.col("phase")) % 1
    return drawn.join(phases, on="category").select(
        "group",
        split=pl.when(place < val)
        .then(pl.lit(Split.VAL.value))
        .when(place < val + test)
        .then(pl.lit(Split.TEST.value))
        .otherwise(pl.lit(Split.TRAIN.value)),
    )


def _handed_on(products: pl.DataFrame, group: pl.Series, decided: pl.DataFrame) -> pl.DataFrame:
    grouped = products.select("product_id").with_columns(group=group)
    return grouped.join(decided, on="group", maintain_order="left").select("product_id", "split")
