"""The index that candidates are sought in: keys of every product, and in how many titles each word stands.

It is stored by generations, so that a later crawl is matched against it and only the texts of new products are read and
cut. Some columns are hashes by Polars, which another version of it may compute otherwise: see :func:`index_terms`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import polars as pl

from m5tools import hashing, schema
from m5tools.dataset import Dataset
from m5tools.dedup.evidence.text import band_keys
from m5tools.dedup.evidence.tokens import (
    DESCRIPTION,
    OWN_CODES,
    STEM,
    TITLE_LETTERS,
    TITLE_WORDS,
    VALUES,
    WHOLE_WORDS,
    sets_of,
)
from m5tools.dedup.evidence.usual import NAMED, VALUED
from m5tools.dedup.evidence.vocabulary import COUNTS, counted, summed, taken_back
from m5tools.dedup.policy import ComparePolicy
from m5tools.dedup.products import listing_once, origins
from m5tools.manifest import Manifest

KEYS: Final = (
    "product_id", "crawl_id", "source", "offerer", "title", "stem", "description", "group", "category", "gtin", "url",
    "brand", "mpn", "model", "own_codes", "table_key", "media_key", "table_pairs",
)  # fmt: skip
"""What is sought by, but bands."""
VOCABULARIES: Final = {"words": TITLE_WORDS, "letters": TITLE_LETTERS, "everything": WHOLE_WORDS, "values": VALUES}
"""Vocabulary → the tokens that it counts."""
RARE: Final = ("words", "values")
"""Vocabularies of which the rarest tokens of a product are keys."""
TITLES: Final = "titles"
COUNTED: Final = (*VOCABULARIES, VALUED, NAMED, TITLES)
"""All that is counted, over how many products."""


def index_terms(made_by: Any) -> Any:
    """Under which terms the index can be gone on from: those of the comparisons, and how hashes come out."""
    return [made_by, hashing.probe()]


def keys_of(products: pl.DataFrame, tokens: pl.DataFrame, policy: ComparePolicy) -> pl.DataFrame:
    """What products are sought by.

    Args:
        products: gathered columns, in order of rows.
        tokens: theirs, in the same order.
        policy: bands.

    Returns:
        row and the columns of the table `sought`.
    """
    bands = band_keys(sets_of(tokens[STEM]), sets_of(tokens[DESCRIPTION]), policy.text)
    listed = [_together(bands.select(f"^{text}_\\d+$")).alias(f"{text}_bands") for text in ("title", "description")]
    hashed = pl.when(pl.col("description").is_not_null()).then(pl.col("description").hash())
    return pl.concat(
        [
            products.drop(OWN_CODES).with_columns(hashed.alias("description"), pl.col("table_pairs").cast(pl.Int32)),
            tokens.select(pl.col(OWN_CODES).fill_null([])),
            pl.DataFrame(listed),
        ],
        how="horizontal",
    ).select("row", *schema.law("sought").names)


def _together(bands: pl.DataFrame) -> pl.Series:
    """Columns as one of lists, null where they are."""
    filled = bands.to_series(0).is_not_null()
    values = np.stack([band.fill_null(0).to_numpy() for band in bands], axis=1)
    lists = pl.DataFrame({"lists": values}).select(pl.when(filled).then(pl.col("lists").arr.to_list()))
    return lists.to_series()


def known_keys(dataset: Dataset, partition: int, asked: pl.DataFrame) -> pl.DataFrame:
    """What products of earlier crawls are sought by, from the index.

    Args:
        dataset: the dataset.
        partition: which.
        asked: product_id, crawl_id and row of these products.

    Returns:
        As :func:`keys_of`.
    """
    return stored(dataset, "sought", partition, asked, schema.law("sought").names)


def stored(dataset: Dataset, table: str, partition: int, asked: pl.DataFrame, columns: Iterable[str]) -> pl.DataFrame:
    """What a table by generations holds of products, each in the version that is asked for: row and columns."""
    rows = pl.DataFrame(pl.from_arrow(schema.empty(table))).lazy()
    if asked.height:
        rows = pl.scan_parquet(dataset.parts(table, partition=partition), glob=False)
    known = asked.lazy().select("row", "product_id", "crawl_id")
    return rows.join(known, on=["product_id", "crawl_id"]).select("row", *columns).sort("row").collect()


def with_sources(keys: pl.DataFrame, manifest: Manifest) -> pl.DataFrame:
    """Adds `origin` (the source as a number) and `once` (whether it lists each product once)."""
    return keys.with_columns(
        origin=origins(pl.col("source"), manifest), once=pl.col("source").is_in(listing_once(manifest))
    )


def band_columns(keys: pl.DataFrame, names: Iterable[str]) -> pl.DataFrame:
    """The bands of `keys` as columns of their own: row, `title_0` … `description_0` …"""
    return keys.select(
        "row",
        *(
            pl.col(f"{text}_bands").list.get(int(place)).alias(f"{text}_{place}")
            for text, _, place in (name.partition("_") for name in names)
        ),
    )


def replaced(dataset: Dataset, partition: int, changed: pl.DataFrame, since: list[str]) -> pl.DataFrame:
    """Products that changed, in the version that the index holds: row, product_id, crawl_id.

    Args:
        dataset: the dataset.
        partition: which.
        changed: row and product_id of these products.
        since: crawls that the index does not hold yet.
    """
    if changed.is_empty():
        return changed.select("row", "product_id", "crawl_id")
    order = pl.Enum([crawl["crawl_id"] for crawl in dataset.manifest()["crawls"]])
    versions = pl.scan_parquet(dataset.parts("sought", partition=partition), glob=False)
    return (
        versions.select("product_id", pl.col("crawl_id").cast(order))
        .filter(~pl.col("crawl_id").cast(pl.String).is_in(since))
        .join(changed.lazy().select("row", "product_id"), on="product_id")
        .group_by("row", "product_id")
        .agg(pl.col("crawl_id").max().cast(pl.String))
        .sort("row")
        .collect()
    )


def counts_of(came: pl.DataFrame, gone: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """In how many more products each token stands, by vocabulary, and in `titles` how many more have one.

    Args:
        came: title and sets of tokens of products that came or changed.
        gone: those of the latter before they changed.
    """
    counts = {
        kind: summed([counted(sets_of(came[column])), taken_back(counted(sets_of(gone[column])))])
        for kind, column in VOCABULARIES.items()
    }
    titled = came["title"].count() - gone["title"].count()
    return counts | {TITLES: pl.DataFrame({"token": [0], "titles": [titled]}, schema=COUNTS | {"titles": pl.Int32})}
