"""What a comparison reads of a product: its keys, its texts cut into sets of numbers, its facts.

It is stored by generations like the index, so that the old side of a newcomer's pairs is read and not made again.
"""

from __future__ import annotations

from typing import Final

import polars as pl

from m5tools import schema
from m5tools.dataset import Dataset
from m5tools.dedup.evidence.facts import FACTS
from m5tools.dedup.evidence.tokens import DECLARED, LISTS, OWN_CODES, TITLE_CODES, TITLE_WORDS, VALUES
from m5tools.dedup.sought import KEYS, stored

SIDE: Final = (*KEYS, "content_hash", "price", "currency", *LISTS, "facts")
"""Columns of one side of a pair, beside its row."""
_FACT: Final = [name for name in FACTS if name != "row"]


def sides_of(products: pl.DataFrame, tokens: pl.DataFrame, facts: pl.DataFrame) -> pl.DataFrame:
    """Products as they are stored.

    Args:
        products: gathered columns, in order of rows.
        tokens: theirs, in the same order.
        facts: theirs.

    Returns:
        row and the columns of the table `sides`.
    """
    listed = facts.group_by("row", maintain_order=True).agg(facts=pl.struct(_FACT))
    every = pl.concat([products.drop(DECLARED, TITLE_CODES, OWN_CODES), tokens.drop("row")], how="horizontal")
    every = every.join(listed, on="row", how="left", maintain_order="left")
    filled = every.with_columns(pl.col("facts", *LISTS).fill_null([]))
    return filled.select("row", *schema.law("sides").names)


def known_words(dataset: Dataset, partition: int, asked: pl.DataFrame) -> pl.DataFrame:
    """The words of titles and the values of earlier crawls' products (as of :func:`known_sides`)."""
    return stored(dataset, "sides", partition, asked, [TITLE_WORDS, VALUES])


def known_sides(dataset: Dataset, partition: int, asked: pl.DataFrame) -> pl.DataFrame:
    """Products of earlier crawls as they are compared.

    Args:
        dataset: the dataset.
        partition: which.
        asked: product_id, crawl_id and row of these products.

    Returns:
        row and the columns of `SIDE`.
    """
    keys = stored(dataset, "sought", partition, asked, KEYS)
    sides = stored(dataset, "sides", partition, asked, schema.law("sides").names).drop("product_id", "crawl_id")
    return keys.join(sides, on="row", maintain_order="left").select("row", *SIDE)


def facts_of(sides: pl.DataFrame, *beside: str) -> pl.DataFrame:
    """The facts of products, one a row.

    Args:
        sides: columns row and facts.
        beside: further columns: those that hold lists say something of each fact, others of the product.
    """
    lists = [name for name in beside if sides.schema[name].base_type() == pl.List]
    facts = sides.select("row", "facts", *beside).explode("facts", *lists, empty_as_null=False)
    return facts.drop_nulls("facts").unnest("facts").cast(FACTS).select(*FACTS, *beside)  # type: ignore[arg-type]
