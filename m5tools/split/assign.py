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

import numpy as np
import polars as pl

from m5tools.split.catalogue import SPLITS, Catalogue
from m5tools.vocabulary import Split


def by_product(
    products: pl.DataFrame, group: pl.Series, catalogue: Catalogue, *, val: float, test: float, seed: int
) -> pl.Series:
    """The split of every product, every category split alike.

    Args:
        products: columns row (ascending) and category, as the catalogue has them; all products, or some.
        group: per product the place of its group's first product among these.
        catalogue: what ids and categories draw.
        val: share of products for validation.
        test: share of products for the test.
        seed: another seed, another split.

    Returns:
        Of type `SPLITS`, in the order of `products`.
    """
    of = _sized(products, group)
    of = of.with_columns(draw=catalogue.draws(of["row"], seed))
    return _handed_on(group, _cut(of, catalogue, val, test, seed))


def by_category(
    products: pl.DataFrame, group: pl.Series, catalogue: Catalogue, *, val: float, test: float, seed: int
) -> pl.Series:
    """The split of every product, no category in two splits; arguments and types as :func:`by_product`.

    Args:
        products: columns row (ascending) and category.
        group: groups in which every category is whole.
        catalogue: what ids draw.
        val: share of products for validation.
        test: share of products for the test.
        seed: another seed, another split.
    """
    of = _sized(products, group)
    of = of.with_columns(category=pl.lit(0, pl.UInt32), draw=catalogue.draws(of["row"], seed))
    largest = min(share for share in (val, test, 1.0) if share > 0) * products.height
    spread = of.filter(pl.col("size") <= largest)
    total = products.height / max(int(spread["size"].sum()), 1)
    cut = _cut(spread, catalogue, min(val * total, 1.0), min(test * total, 1.0), seed)
    large = of.filter(pl.col("size") > largest).select("group", split=pl.lit(Split.TRAIN.value, SPLITS))
    return _handed_on(group, pl.concat([cut, large]))


def _sized(products: pl.DataFrame, group: pl.Series) -> pl.DataFrame:
    """Groups: row and category of the first product of each, its place (group), and how many they are (size)."""
    sizes = np.bincount(group.to_numpy(), minlength=products.height).astype(np.uint32)
    firsts = np.flatnonzero(sizes)
    return products[firsts].with_columns(group=pl.Series(firsts.astype(np.uint32)), size=pl.Series(sizes[firsts]))


def _cut(of: pl.DataFrame, catalogue: Catalogue, val: float, test: float, seed: int) -> pl.DataFrame:
    """Systematic sampling of groups (columns group, size, category, draw) within each category: group, split."""
    drawn = of.sort("category", "draw", "group").with_columns(
        middle=(pl.col("size").cum_sum().over("category") - pl.col("size") / 2) / pl.col("size").sum().over("category")
    )
    phases = catalogue.phases(drawn["category"].unique().sort(), seed)
    place = (pl.col("middle") + pl.col("phase")) % 1
    return drawn.join(phases, on="category").select(
        "group",
        split=pl.when(place < val)
        .then(pl.lit(Split.VAL.value, SPLITS))
        .when(place < val + test)
        .then(pl.lit(Split.TEST.value, SPLITS))
        .otherwise(pl.lit(Split.TRAIN.value, SPLITS)),
    )


def _handed_on(group: pl.Series, decided: pl.DataFrame) -> pl.Series:
    """The split of each product: that of its group."""
    codes = np.zeros(len(group), np.uint8)
    codes[decided["group"].to_numpy()] = decided["split"].to_physical().to_numpy()
    return pl.Series("split", codes[group.to_numpy()]).cat.to(SPLITS)
