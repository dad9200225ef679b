"""The category tree level by level: how far products reach down it, and the tail of each level."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns, longtail
from m5tools.dataset import Dataset

DEEPEST = 12
"""Levels that are told of; deeper ones are of paths that are no categories."""
LISTED = 20
"""Categories listed of each level."""
CURVE_POINTS = 80


@dataclass(frozen=True)
class Branch:
    """One category of a level: the products in it and below it, and the sub-categories that hold them."""

    category: str
    products: int
    share: float
    children: int
    band: str


@dataclass(frozen=True)
class LevelPoint:
    """One point of a level's rank–frequency curve, rank 1 being the largest category."""

    rank: int
    products: int


@dataclass(frozen=True)
class Level:
    """One level of the tree; a product counts in every category on its path.

    Attributes:
        level: 1 is the root of the paths.
        reaching: products whose path comes as far as this level.
        share: of all products with a category.
        ending: products whose path ends here …
        inner: … though others go deeper in the same category.
        branching: categories with sub-categories.
        tail: sizes of the level's categories.
        curve: rank against products.
        largest: the largest categories.
    """

    level: int
    reaching: int
    share: float
    ending: int
    inner: int
    branching: int
    tail: longtail.Tail
    curve: tuple[LevelPoint, ...]
    largest: tuple[Branch, ...]


def paths(dataset: Dataset) -> pl.DataFrame:
    """`path` (list, root first; empty or null where it is unknown), `products` of every category path."""
    return columns.summed(
        dataset,
        lambda i: (
            dataset.scan("products", partition=i)
            .group_by(path="category")
            .agg(pl.len().cast(pl.Int64).alias("products"))
        ),
        ["path"],
    )


def count(counted: pl.DataFrame) -> tuple[Level, ...]:
    """Every level that a path reaches, from what :func:`paths` gave."""
    known = counted.filter(pl.col("path").list.len() > 0).with_columns(depth=pl.col("path").list.len())
    total = int(known["products"].sum())
    deepest = min(DEEPEST, int(known["depth"].to_numpy().max(initial=0)))
    return tuple(_level(known, level, total) for level in range(1, deepest + 1))


def _level(known: pl.DataFrame, level: int, total: int) -> Level:
    products, here = pl.col("products"), pl.col("depth") == level
    nodes = (
        known.filter(pl.col("depth") >= level)
        .group_by(path=pl.col("path").list.head(level))
        .agg(
            products.sum(),
            products.filter(here).sum().alias("ending"),
            pl.col("path").list.get(level, null_on_oob=True).drop_nulls().n_unique().alias("children"),
        )
        .with_columns(category=pl.col("path").list.join(" > "))
        # Names may hold what joins them: "a > b", "c" and "a", "b > c" are two categories of one spelling.
        .sort("products", "category", pl.col("path").list.join("\x1f"), descending=[True, False, False])
    )
    sizes = nodes["products"].to_numpy()
    bands = longtail.band_names(sizes)
    reaching = int(sizes.sum())
    parents = nodes.filter(pl.col("children") > 0)
    return Level(
        level=level,
        reaching=reaching,
        share=reaching / total,
        ending=int(nodes["ending"].sum()),
        inner=int(parents["ending"].sum()),
        branching=parents.height,
        tail=longtail.measure(sizes),
        curve=tuple(LevelPoint(int(r), int(sizes[r - 1])) for r in longtail.curve(sizes, CURVE_POINTS)),
        largest=tuple(
            Branch(columns.shown(name, 160), n, n / reaching, children, str(band))
            for (name, n, children), band in zip(
                nodes.select("category", "products", "children").head(LISTED).iter_rows(), bands, strict=False
            )
        ),
    )
