"""What title, table and category say about one product: numbers, colours, words; over whole columns."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import polars as pl
import yaml

from m5tools import resources, wording
from m5tools.measure.known import TitleWords

_NUMBER: Final = r"\p{N}+(?:[.,]\p{N}+)?"
_COLOUR: Final = "colour"


def numbers(products: pl.DataFrame, attributes: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `title_numbers`, `title_numbers_in_table`: different numbers of the title (1,7 and 1.70 are one),
    and those of them that stand in the table; the second null where the table has no value.

    Args:
        products: `product_id`, `title`.
        attributes: `product_id`, `value`.
    """
    titled = products.select("product_id", text="title")
    told = _numbers(titled.filter(pl.col("text").str.contains(r"\p{N}")))
    values = attributes.select("product_id", text="value").drop_nulls()
    listed = _numbers(values.join(told, on="product_id", how="semi").filter(pl.col("text").str.contains(r"\p{N}")))
    both = told.join(listed, on=["product_id", "number"], how="semi")
    has_table = pl.col("product_id").is_in(values["product_id"].unique().implode())
    return (
        products.select("product_id")
        .join(told.group_by("product_id").agg(title_numbers=pl.len()), on="product_id", how="left")
        .join(both.group_by("product_id").agg(found=pl.len()), on="product_id", how="left")
        .select(
            "product_id",
            pl.col("title_numbers").fill_null(0).cast(pl.Int32),
            title_numbers_in_table=pl.when(has_table).then(pl.col("found").fill_null(0)).cast(pl.Int32),
        )
    )


def _numbers(texts: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `number` (as text, in one spelling)."""
    found = texts.select("product_id", number=pl.col("text").str.extract_all(_NUMBER)).explode(
        "number", empty_as_null=False
    )
    plain = pl.col("number").str.replace(",", ".", literal=True).str.replace(r"(\.\d*?)0+$", "$1")
    return found.with_columns(number=plain.str.strip_chars_end(".")).unique()


def colours(products: pl.DataFrame, attributes: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `colour_agreement`: whether the title names a colour that the table lists; null unless both name
    one. Colours of one family (scarlet, rot, 红色) are one.

    Args:
        products: `product_id`, `title`.
        attributes: `product_id`, `name`, `value`.
    """
    names, families = _colour_words()
    value = attributes.filter(pl.col("name").is_in(names)).select("product_id", text="value")
    listed = _families(value, families)
    # 红茶 is black tea: one such character is a colour only where colours are listed.
    titled = products.select("product_id", text="title").join(listed, on="product_id", how="semi")
    told = _families(titled, families.filter(pl.col("word").str.len_chars() > 1))
    same = told.join(listed, on=["product_id", "family"], how="semi")["product_id"].unique()
    agreed = (
        told.select("product_id").unique().with_columns(colour_agreement=pl.col("product_id").is_in(same.implode()))
    )
    return products.select("product_id").join(agreed, on="product_id", how="left")


def _families(texts: pl.DataFrame, families: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `family` of every colour word."""
    words = texts.select("product_id", word=wording.words(pl.col("text")).str.split(" "))
    found = words.drop_nulls("word").explode("word", empty_as_null=False).join(families, on="word")
    return found.select("product_id", "family").unique()


@cache
def _colour_words() -> tuple[list[str], pl.DataFrame]:
    """Names that list a colour, and `word`, `family`: the lists by which duplicates are told apart, for there must not
    be two opinions of what a colour is."""
    lists: dict[str, Any] = yaml.safe_load(
        resources.folder("pipelines/policies").joinpath("duplicates.yaml").read_text(encoding="utf-8")
    )
    names = next(names for names in lists["options"] if names[0] == _COLOUR)
    pairs = [(word, family[0]) for family in lists["colours"] for word in family]
    return names, pl.DataFrame(pairs, schema=["word", "family"], orient="row")


def category_support(products: pl.DataFrame, words: TitleWords, categories: pl.DataFrame) -> pl.DataFrame:
    """`product_id`, `title_category_support`: of the title's words that at least two other products of the corpus
    share, the part that another product of its category shares, rare words weighing more; null where the category has
    fewer than five products or no word is known.

    Args:
        products: `product_id`, `title`, `category` (key).
        words: of the titles of the corpus.
        categories: `corpus_categories`.
    """
    sizes = categories.filter(pl.col("products") >= _SMALLEST).select("category")
    titled = (
        products.join(sizes, on="category", how="semi")
        .join(words.homes, on="category", how="left", maintain_order="left")
        .select(
            "product_id", "home", word=wording.words(pl.col("title")).str.split(" ").list.unique(maintain_order=True)
        )
    )
    said = titled.drop_nulls("word").explode("word", empty_as_null=False)
    known = words.counts(said.with_columns(word=wording.hashed(said["word"])))
    here = pl.col("here")
    others = pl.col("everywhere") - (here > 0).cast(pl.Int64)
    weight = (categories["products"].sum() / pl.col("everywhere")).log() + 1e-9
    # Rows stay in the order of the title's words: summed in another one, floats differ in the last bit.
    support = (
        known.filter(others >= 2)
        .group_by("product_id")
        .agg(title_category_support=weight.filter(here >= 2).sum() / weight.sum())
    )
    return products.select("product_id").join(support, on="product_id", how="left")


_SMALLEST: Final = 5
