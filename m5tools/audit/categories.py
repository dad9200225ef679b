"""The category section: size and band of every category, the rank–frequency curve, the ends of the list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from m5tools.audit import columns, longtail
from m5tools.wording import category_key

CURVE_POINTS = 240
LISTED = 250
"""How many of the largest and of the smallest categories the report lists."""


@dataclass(frozen=True)
class Category:
    """One category: its path, how many products it holds, rank 1 being the largest, and its band."""

    category: str
    products: int
    share: float
    rank: int
    band: str


@dataclass(frozen=True)
class CurvePoint:
    """One point of the curve.

    Attributes:
        rank: of the category, 1 = largest.
        products: in it.
        share_so_far: of all products with a category, in this and all larger ones.
    """

    rank: int
    products: int
    share_so_far: float
    band: str


@dataclass(frozen=True)
class Categories:
    """The category section.

    Attributes:
        without: products whose category is not known.
        tail: its numbers.
        curve: points of the rank–frequency curve.
        largest, smallest: the two ends of the list, without overlap.
    """

    without: int
    tail: longtail.Tail
    curve: tuple[CurvePoint, ...]
    largest: tuple[Category, ...]
    smallest: tuple[Category, ...]


def sizes(paths: pl.DataFrame) -> pl.DataFrame:
    """`category, products` of every category, null for products without one.

    Args:
        paths: `path, products`, as :func:`m5tools.audit.levels.paths` gives them.
    """
    return (
        paths.group_by(category=category_key(pl.col("path")))
        .agg(pl.col("products").sum())
        .sort("category", nulls_last=True)
    )


def ranked(counted: pl.DataFrame) -> pl.DataFrame:
    """`category, products, rank, band` of every known category, largest first, ties by name."""
    known = counted.drop_nulls("category").sort(["products", "category"], descending=[True, False])
    return known.with_columns(
        pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("rank"),
        pl.Series("band", longtail.band_names(known["products"].to_numpy()), dtype=pl.String),
    )


def count(counted: pl.DataFrame, ranks: pl.DataFrame) -> Categories:
    """The section from what :func:`sizes` and :func:`ranked` gave."""
    products = ranks["products"].to_numpy()
    total = int(products.sum())
    so_far = np.cumsum(products)
    ends = pl.concat([ranks.head(LISTED), ranks.slice(LISTED).tail(LISTED)]).select(
        "category", "products", "rank", "band"
    )
    listed = [Category(columns.shown(name, 160), n, n / total, rank, band) for name, n, rank, band in ends.iter_rows()]
    points = tuple(
        CurvePoint(int(rank), int(products[rank - 1]), float(so_far[rank - 1] / total), ranks["band"][int(rank) - 1])
        for rank in longtail.curve(products, CURVE_POINTS)
    )
    without = int(counted.filter(pl.col("category").is_null())["products"].sum())
    largest, smallest = tuple(listed[:LISTED]), tuple(listed[LISTED:])
    return Categories(without, longtail.measure(products), points, largest, smallest)
