"""Rules that choose among products.

Each takes candidates, one row a product: `product_id` (ascending), `split`, `category`, `band`, `draw`; and gives
`product_id`, `detail` of those it leaves out. What is drawn depends on a hash of the product's id and the seed, on
nothing else: products that a later crawl adds do not reshuffle those that are there.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from xxhash import xxh3_64_intdigest

from m5tools.vocabulary import Band, Split

Choice = Callable[[pl.DataFrame], pl.DataFrame]
_TRAIN = pl.col("split") == Split.TRAIN.value


def draws(product_ids: pl.Series, seed: int) -> pl.Series:
    """A number in [0, 1) for every product (float64), a pure function of id and seed.

    The hash (xxh3-64) is of more than the id, so that what is drawn here has nothing to do with the draws of `split`.
    """
    hashes = np.fromiter(
        (xxh3_64_intdigest(f"cut {i}".encode(), seed) for i in product_ids), np.uint64, len(product_ids)
    )
    return pl.Series("draw", (hashes >> np.uint64(11)) / 2.0**53)


def one_per(clusters: pl.DataFrame) -> Choice:
    """One product of each cluster stays in train: the survivor, or where a rule took it the smallest id.

    Products of val and test are queries and gallery: they stay, and count as the one that is kept.

    Args:
        clusters: rows of `clusters` of one relation.
    """

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = clusters.join(candidates.select("product_id", train=_TRAIN), on="product_id")
        ranked = mine.sort("cluster_id", "is_survivor", "product_id", descending=[False, True, False])
        first = ranked.with_columns(detail=pl.col("product_id").first().over("cluster_id"))
        return first.filter("train", pl.col("product_id") != pl.col("detail")).select("product_id", "detail")

    return others


def sample(band: Band, share: float) -> Choice:
    """This share of a band's products stays in train; in any case the product with the smallest draw of a category."""

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = candidates.filter(_TRAIN, pl.col("band") == band.value)
        first = pl.col("draw") == pl.col("draw").min().over("category")
        return mine.filter(pl.col("draw") >= share, ~first).select("product_id", detail=pl.lit(None, pl.String))

    return others


def cap(most: int) -> Choice:
    """At most so many products of a category stay in train: those with the smallest draws."""

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = candidates.filter(_TRAIN, pl.col("category").is_not_null()).sort("category", "draw", "product_id")
        place = pl.int_range(pl.len()).over("category")
        return mine.filter(place >= most).select("product_id", detail="category")

    return others


def floor(fewest: int) -> Choice:
    """Categories of which fewer products are left go, from all splits."""

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = candidates.filter(pl.col("category").is_not_null())
        return mine.filter(pl.len().over("category") < fewest).select("product_id", detail="category")

    return others
