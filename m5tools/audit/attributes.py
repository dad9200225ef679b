"""Attribute names: how many products list each, over all and in the largest categories, and their own tail."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns, longtail
from m5tools.concentration import gini
from m5tools.dataset import Dataset

LISTED = 40
CATEGORIES_LISTED = 30
COMMON = 0.5
"""A name that at least this share of a category's products list belongs to what the category is described by."""
COMMON_LISTED = 6


@dataclass(frozen=True)
class Attribute:
    """One attribute name.

    Attributes:
        products: that list it.
        share: of all products.
        filled: its pairs with a value, as a share of its pairs.
        numeric: its filled pairs in which a number was read, as a share of them.
    """

    name: str
    products: int
    share: float
    filled: float
    numeric: float


@dataclass(frozen=True)
class CommonName:
    """A name, and the share of a category's products that list it."""

    name: str
    share: float


@dataclass(frozen=True)
class CategoryAttributes:
    """The attributes of one category.

    Attributes:
        products: in the category.
        listing: of these those that list an attribute, as a share.
        pairs: a product, on average.
        filled: pairs with a value, as a share of all pairs.
        names: different names.
        common: names that at least `COMMON` of the products list.
        common_names: the most frequent names.
        once: names that one product lists.
        gini: of the products that list each name; near 1, a few names are everywhere and the rest nowhere.
    """

    category: str
    products: int
    listing: float
    pairs: float
    filled: float
    names: int
    common: int
    common_names: tuple[CommonName, ...]
    once: int
    gini: float


@dataclass(frozen=True)
class Attributes:
    """The attribute section: the tail of the names by products that list them, the most common ones, and those of the
    largest categories."""

    pairs: int
    tail: longtail.Tail
    names: tuple[Attribute, ...]
    categories: tuple[CategoryAttributes, ...]


def count(dataset: Dataset, products: int, ranks: pl.DataFrame) -> Attributes:
    """Count the section.

    Args:
        products: of the dataset.
        ranks: `category, products` of every category, largest first.
    """
    largest = ranks.head(CATEGORIES_LISTED)
    counted = columns.summed(dataset, lambda i: _of_partition(dataset, i, largest), ["category", "name"])
    numbers = pl.col("products", "pairs", "filled", "numbers").sum()
    by_name = counted.drop_nulls("name").group_by("name").agg(numbers)
    top = by_name.sort(["products", "name"], descending=[True, False]).head(LISTED)
    by_category = counted.drop_nulls("category").partition_by("category", as_dict=True)
    none = counted.clear()
    return Attributes(
        pairs=int(by_name["pairs"].sum()),
        tail=longtail.measure(by_name["products"].to_numpy()),
        names=tuple(
            Attribute(columns.shown(name, 80), n, n / products, filled / pairs, read / filled if filled else 0.0)
            for name, n, pairs, filled, read in top.iter_rows()
        ),
        categories=tuple(
            _category(category, n, by_category.get((category,), none))
            for category, n in largest.select("category", "products").iter_rows()
        ),
    )


def _of_partition(dataset: Dataset, partition: int, largest: pl.DataFrame) -> pl.LazyFrame:
    """`category` (null where it is none of the largest), `name` (null: any), `products, pairs, filled, numbers`."""
    # A product's rows stand in one partition; counting distinct 64-bit hashes takes a third of the time of its id.
    owner = pl.col("product_id").hash().alias("owner")
    value = pl.col("value").is_not_null()
    rows = dataset.scan("attributes", partition=partition).select(
        owner, "name", filled=value, number=value & pl.col("number").is_not_null()
    )
    homes = columns.categories(dataset, partition).select(owner, "category")
    homes = homes.join(largest.lazy().select("category"), on="category", how="semi")
    placed = rows.join(homes, on="owner", how="left")
    of_names = placed.group_by("category", "name").agg(
        products=pl.col("owner").n_unique().cast(pl.Int64),
        pairs=pl.len().cast(pl.Int64),
        filled=pl.col("filled").sum().cast(pl.Int64),
        numbers=pl.col("number").sum().cast(pl.Int64),
    )
    zero = pl.lit(0, pl.Int64)
    of_all = placed.group_by("category").agg(products=pl.col("owner").n_unique().cast(pl.Int64))
    of_all = of_all.select("category", "products", name=pl.lit(None, pl.String), pairs=zero, filled=zero, numbers=zero)
    return pl.concat([of_names, of_all.select(of_names.collect_schema().names())])


def _category(category: str, products: int, rows: pl.DataFrame) -> CategoryAttributes:
    names = rows.drop_nulls("name").sort(["products", "name"], descending=[True, False])
    listing = int(rows.filter(pl.col("name").is_null())["products"].sum())
    pairs = int(names["pairs"].sum())
    common = names.filter(pl.col("products") >= COMMON * products)
    top = names.select("name", "products").head(COMMON_LISTED)
    return CategoryAttributes(
        category=columns.shown(category, 160),
        products=products,
        listing=listing / products,
        pairs=pairs / products,
        filled=int(names["filled"].sum()) / max(1, pairs),
        names=names.height,
        common=common.height,
        common_names=tuple(CommonName(columns.shown(name, 40), n / products) for name, n in top.iter_rows()),
        once=int((names["products"] == 1).sum()),
        gini=gini(names["products"].to_numpy()),
    )
