"""What one partition of the products contributes to the corpus counts.

All rows of a product lie in one partition, so counts of products add up; counts of *different* titles and categories do
not, and keep their members (as hashes) until the merge.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import polars as pl

from m5tools import wording
from m5tools.dataset import Dataset


def products_of(dataset: Dataset, partition: int) -> pl.DataFrame:
    """One row a product: `row`, `product_id`, `title` (hash of its words), `category` (key), `brand` (words),
    `description`."""
    frame = dataset.read(
        "products", partition=partition, columns=["product_id", "title", "category", "brand", "description"]
    ).with_row_index("row")
    titles = wording.hashed(frame.select(wording.words(pl.col("title")).fill_null("")).to_series())
    return frame.with_columns(
        title=titles, category=wording.category_key(pl.col("category")), brand=wording.words(pl.col("brand"))
    )


def phrases(products: pl.DataFrame, dataset: Dataset, partition: int) -> pl.DataFrame:
    """`phrase`, `title`, `category`, `products` of that title and category whose description holds the phrase."""
    found = wording.phrases(products.select("row", text="description")).select("row", "phrase").unique()
    return _counted(found.join(products.select("row", "title", "category"), on="row"), "phrase", "title", "category")


def assets(products: pl.DataFrame, dataset: Dataset, partition: int) -> pl.DataFrame:
    """`asset_id`, `title`, `category`, `products` that list the file with that title in that category."""
    fetched = dataset.scan("fetched").filter(pl.col("asset_id").is_not_null()).select("location_id", "asset_id")
    found = (
        dataset.scan("media", partition=partition)
        .select("product_id", "location_id")
        .join(fetched, on="location_id")
        .select("product_id", "asset_id")
        .unique()
        .collect()
    )
    return _counted(
        found.join(products.select("product_id", "title", "category"), on="product_id"), "asset_id", "title", "category"
    )


def categories(products: pl.DataFrame, dataset: Dataset, partition: int) -> pl.DataFrame:
    """`category`, `products`."""
    return _counted(products.drop_nulls("category"), "category")


def attributes(products: pl.DataFrame, dataset: Dataset, partition: int) -> pl.DataFrame:
    """`category`, `name`, `products` of the category that list the name."""
    listed = dataset.read("attributes", partition=partition, columns=["product_id", "name"]).unique()
    homes = products.drop_nulls("category").select("product_id", "category")
    return _counted(listed.join(homes, on="product_id"), "category", "name")


def names(products: pl.DataFrame, dataset: Dataset, partition: int) -> pl.DataFrame:
    """`name`, `products` that list a value under it (options aside), `several`: those that list different ones in one
    language."""
    listed = dataset.read(
        "attributes", partition=partition, columns=["product_id", "language", "name", "value", "is_option"]
    )
    told = listed.filter(~pl.col("is_option")).drop_nulls("value")
    different = pl.col("value").str.to_lowercase().n_unique()
    return (
        told.group_by("product_id", "name", "language")
        .agg(different=different)
        .group_by("product_id", "name")
        .agg(several=(pl.col("different") > 1).any())
        .group_by("name")
        .agg(products=pl.len().cast(pl.Int64), several=pl.col("several").sum().cast(pl.Int64))
        .sort("name")
    )


def values(products: pl.DataFrame, dataset: Dataset, partition: int) -> pl.DataFrame:
    """`name`, `value`, `products`: values of at most three words."""
    listed = dataset.read("attributes", partition=partition, columns=["product_id", "name", "value"])
    short = listed.with_columns(value=wording.words(pl.col("value"))).filter(
        (pl.col("value") != "") & (pl.col("value").str.count_matches(" ") < wording.LONGEST_RUN)
    )
    return _counted(short.unique(), "name", "value")


def brands(products: pl.DataFrame, dataset: Dataset, partition: int) -> pl.DataFrame:
    """`brand`, `products`."""
    return _counted(products.filter(pl.col("brand") != ""), "brand")


def _counted(rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    return rows.group_by(by).agg(products=pl.len().cast(pl.Int64)).sort(by)


COUNTS: Final[Mapping[str, Callable[[pl.DataFrame, Dataset, int], pl.DataFrame]]] = {
    "corpus_phrases": phrases,
    "corpus_assets": assets,
    "corpus_categories": categories,
    "corpus_attributes": attributes,
    "corpus_names": names,
    "corpus_values": values,
    "corpus_brands": brands,
}
