"""Rules that choose among products.

Each takes candidates, one row a product: `row` (its number, ascending as ids are), `split`, `category`, `band`, and
`draw` where it asks for that; and gives `row` and `detail` (a number, words or null) of those it leaves out. What is
drawn depends on a hash of the product's id and the seed, on nothing else: products that a later crawl adds do not
reshuffle those that are there.
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
    """One product of each cluster stays in train: the survivor, or where a rule took it the first.

    Products of val and test are queries and gallery: they stay, and count as the one that is kept.

    Args:
        clusters: cluster, row, is_survivor of one relation.
    """

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = clusters.join(candidates.select("row", train=_TRAIN), on="row")
        ranked = mine.sort("cluster", "is_survivor", "row", descending=[False, True, False])
        first = ranked.with_columns(detail=pl.col("row").first().over("cluster"))
        return first.filter("train", pl.col("row") != pl.col("detail")).select("row", "detail")

    return others


def sample(band: Band, share: float) -> Choice:
    """This share of a band's products stays in train; in any case the product with the smallest draw of a category."""

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = candidates.filter(_TRAIN, pl.col("band") == band.value)
        first = pl.col("draw") == pl.col("draw").min().over("category")
        return mine.filter(pl.col("draw") >= share, ~first).select("row", detail=pl.lit(None, pl.String))

    return others


def cap(most: int) -> Choice:
    """At most so many products of a category stay in train: those with the smallest draws."""

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = candidates.filter(_TRAIN, pl.col("category").is_not_null()).sort("category", "draw", "row")
        place = pl.int_range(pl.len()).over("category")
        return mine.filter(place >= most).select("row", detail="category")

    return others


def floor(fewest: int) -> Choice:
    """Categories of which fewer products are left go, from all splits."""

    def others(candidates: pl.DataFrame) -> pl.DataFrame:
        mine = candidates.filter(pl.col("category").is_not_null())
        return mine.filter(pl.len().over("category") < fewest).select("row", detail="category")

    return others
