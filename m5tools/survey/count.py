"""What one partition of the products contributes to the corpus counts.

All rows of a product lie in one partition, so counts of products add up; counts of *different* titles and categories do
not, and keep their members (as hashes) until the merge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import polars as pl

from m5tools import quantities, wording
from m5tools.dataset import Dataset

_MOST_WORDS: Final = 40


@dataclass(frozen=True)
class Partition:
    """One partition, each of its tables read once.

    Attributes:
        dataset: where it lies.
        number: which one.
    """

    dataset: Dataset
    number: int

    @cached_property
    def products(self) -> pl.DataFrame:
        """One row a product: `row`, `product_id`, `source`, `raw_title`, `words` (of the title), `title` (hash of
        them), `category` (key), `home` (hash of it), `brand`, `description`."""
        columns = ["product_id", "source", "title", "category", "brand", "description"]
        frame = self.dataset.read("products", partition=self.number, columns=columns).with_row_index("row")
        frame = frame.with_columns(
            raw_title=pl.col("title"),
            words=wording.words(pl.col("title")).fill_null(""),
            category=wording.category_key(pl.col("category")),
        )
        return frame.with_columns(title=wording.hashed(frame["words"]), home=wording.hashed(frame["category"]))

    @cached_property
    def attributes(self) -> pl.DataFrame:
        """`product_id`, `language`, `name`, `value`, `is_option`, `number`, `unit`."""
        columns = ["product_id", "language", "name", "value", "is_option", "number", "unit"]
        return self.dataset.read("attributes", partition=self.number, columns=columns)

    def phrases(self) -> pl.DataFrame:
        """`phrase`, `title`, `home`, `products` of that title and category whose description holds the phrase."""
        found = wording.phrases(self.products.select("row", text="description")).select("row", "phrase").unique()
        return _counted(found.join(self.products.select("row", "title", "home"), on="row"), "phrase", "title", "home")

    def listings(self) -> pl.DataFrame:
        """`location_id`, `product_id`, `title`, `home` of every listed media file."""
        listed = self.dataset.read("media", partition=self.number, columns=["product_id", "location_id"]).unique()
        found = listed.join(self.products.select("product_id", "title", "home"), on="product_id")
        return found.select("location_id", "product_id", "title", "home").sort("location_id", "product_id")

    def words(self) -> pl.DataFrame:
        """`word` (hash), `category`, `products` of the category whose title holds the word."""
        # Where letters were lost, what is left of a word is none.
        whole = ~pl.col("raw_title").str.contains("\ufffd", literal=True)
        told = self.products.filter(pl.col("category").is_not_null(), pl.col("words") != "", whole).select(
            "category", word=pl.col("words").str.split(" ").list.unique(maintain_order=True).list.head(_MOST_WORDS)
        )
        rows = told.explode("word", empty_as_null=False)
        return _counted(rows.with_columns(word=wording.hashed(rows["word"])), "word", "category")

    def categories(self) -> pl.DataFrame:
        """`category`, `products`."""
        return _counted(self.products.drop_nulls("category"), "category")

    def names_of_categories(self) -> pl.DataFrame:
        """`category`, `name`, `products` of the category that list the name."""
        homes = self.products.drop_nulls("category").select("product_id", "category")
        listed = self.attributes.select("product_id", "name").unique()
        return _counted(listed.join(homes, on="product_id"), "category", "name")

    def names(self) -> pl.DataFrame:
        """`source`, `name`, `products` that list a value under it (options aside), `several`: those that list different
        ones in one language; one quantity in several units is one value."""
        told = self.attributes.filter(~pl.col("is_option")).drop_nulls("value")
        listed = ["product_id", "name", "language"]
        repeated = told.filter(pl.len().over(listed) > 1).with_columns(value=pl.col("value").str.to_lowercase())
        different = repeated.unique([*listed, "value"]).filter(pl.len().over(listed) > 1)
        one = quantities.one_in_several_units(different, listed)
        several = different.select(listed).unique().join(one, on=listed, how="anti", nulls_equal=True)
        return (
            told.select("product_id", "name")
            .unique()
            .join(several.select("product_id", "name", several=True).unique(), on=["product_id", "name"], how="left")
            .join(self.products.select("product_id", "source"), on="product_id")
            .group_by("source", "name")
            .agg(products=pl.len().cast(pl.Int64), several=pl.col("several").fill_null(False).sum().cast(pl.Int64))
            .sort("source", "name")
        )

    def values(self) -> pl.DataFrame:
        """`name`, `value`, `products`: values of at most three words."""
        short = (
            self.attributes.select("product_id", "name", value=wording.words(pl.col("value")))
            .filter(pl.col("value") != "")
            .filter(pl.col("value").str.count_matches(" ", literal=True) < wording.LONGEST_RUN)
        )
        return _counted(short.unique(), "name", "value")

    def brands(self) -> pl.DataFrame:
        """`brand`, `products` that have it in the brand field or in their table."""
        field = self.products.select("product_id", "brand")
        return _counted(wording.brands(field, self.attributes).unique(), "brand")


def _counted(rows: pl.DataFrame, *by: str) -> pl.DataFrame:
    return rows.group_by(by).agg(products=pl.len().cast(pl.Int64)).sort(by)
