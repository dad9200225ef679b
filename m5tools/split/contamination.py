"""Which products also stand in an evaluation set, by any modality.

Every product leaves *traces*: identifiers, its title and description, runs of words of its description, its attribute
table, the bytes of its pictures, clips and sounds. A product is contaminated where a trace of it, or half of its runs
of words, are traces of the evaluation set too; near copies of pictures and clips are traces as well (`copies.py`).
What many products share on either side (a boilerplate, a placeholder, a hub) is nobody's trace.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from m5tools.addresses import product_page
from m5tools.dataset import Dataset
from m5tools.split import files
from m5tools.vocabulary import MEDIA, Modality, State
from m5tools.wording import words

HUB: Final = 20
"""Products of one side that may share a trace; beyond, it tells of none of them."""

RUN: Final = 8
"""Words of a run; of two texts about one product that were written apart, hardly any run of eight agrees."""

RUN_SHARE: Final = 0.5
FEWEST_RUNS: Final = 4
FEWEST_TITLE_WORDS: Final = 4
FEWEST_PAIRS: Final = 6
"""Attributes of a table that tells one product from others."""

IDENTIFIER: Final = "identifier"
RUNS: Final = "runs"
TRACE: Final = {"product_id": pl.String, "by": pl.String, "trace": pl.UInt64}


def traces(dataset: Dataset, partition: int, kept: Path) -> pl.DataFrame:
    """What the products of one partition may be known by.

    Args:
        dataset: the dataset.
        partition: which.
        kept: where :func:`m5tools.split.files.keep` kept which of its files were had.

    Returns:
        Columns product_id, by (`identifier`, `runs` or a modality), trace; distinct, sorted.
    """
    products = dataset.read(
        "products",
        partition=partition,
        columns=("product_id", "url", "title", "description", "brand", "gtin", "mpn"),
    )
    found = [*_identifiers(products), *_texts(products), _table(dataset, partition), *_media(dataset, partition, kept)]
    rows = [frame.select("product_id", by=pl.lit(by), trace=pl.col("key").hash()) for by, frame in found]
    return pl.concat(rows).drop_nulls().unique().sort("product_id", "by", "trace").cast(TRACE)  # type: ignore[arg-type]


def telling(theirs: pl.DataFrame) -> pl.DataFrame:
    """The traces of an evaluation set but for those that many of its products share.

    Args:
        theirs: as :func:`traces` returns them, of the whole evaluation set.

    Returns:
        Columns by, trace; distinct.
    """
    counted = theirs.group_by("by", "trace").agg(holders=pl.col("product_id").n_unique())
    return counted.filter(pl.col("holders") <= HUB).select("by", "trace")


def shared(mine: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Of traces of one partition those that the evaluation set has too.

    Args:
        mine: as :func:`traces` returns them.
        theirs: as :func:`telling` returns them, of these traces at least.

    Returns:
        Columns product_id, by, trace, and of_runs: how many runs of words the product has.
    """
    runs = mine.filter(pl.col("by") == RUNS).group_by("product_id").agg(of_runs=pl.len())
    met = mine.join(theirs, on=["by", "trace"], how="semi")
    return met.join(runs, on="product_id", how="left").sort("product_id", "by", "trace")


def contaminated(met: pl.DataFrame) -> pl.DataFrame:
    """Who is in the evaluation set.

    Args:
        met: what :func:`shared` found, of all partitions.

    Returns:
        Columns product_id, by (an identifier, or the modality that tells), distinct, sorted.
    """
    telling = met.filter(pl.len().over("by", "trace") <= HUB)
    outright = telling.filter(pl.col("by") != RUNS).select("product_id", "by")
    runs = telling.filter(pl.col("by") == RUNS).group_by("product_id").agg(pl.len(), pl.col("of_runs").first())
    copied = runs.filter((pl.col("len") >= FEWEST_RUNS) & (pl.col("len") >= RUN_SHARE * pl.col("of_runs"))).select(
        "product_id", by=pl.lit(Modality.TEXT.value)
    )
    return pl.concat([outright, copied]).unique().sort("product_id", "by")


def _identifiers(products: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    gtin = pl.col("gtin").str.strip_chars_start("0")
    number = words(pl.col("mpn")).str.replace_all(" ", "")
    part = pl.concat_str(words(pl.col("brand")), pl.when(number.str.contains(r"\d")).then(number), separator="\x1f")
    keys = (pl.when(gtin != "").then(gtin), part, product_page(pl.col("url")))
    return [(IDENTIFIER, products.select("product_id", key=key).drop_nulls()) for key in keys]


def _texts(products: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    told = products.select("product_id", *(words(pl.col(name)).alias(name) for name in ("title", "description")))
    long_title = pl.col("title").str.split(" ").list.len() >= FEWEST_TITLE_WORDS
    titles = told.filter(long_title).select("product_id", key="title")
    listed = told.select("product_id", word=pl.col("description").str.split(" ")).filter(
        pl.col("word").list.len() >= RUN
    )
    whole = listed.select("product_id", key=pl.col("word").list.join(" "))
    rows = listed.explode("word", empty_as_null=True, keep_nulls=True)
    run = pl.concat_str(*(pl.col("word").shift(-i).over("product_id") for i in range(RUN)), separator=" ")
    runs = rows.select("product_id", key=run).drop_nulls()
    return [(Modality.TEXT.value, titles), (Modality.TEXT.value, whole), (RUNS, runs)]


def _table(dataset: Dataset, partition: int) -> tuple[str, pl.DataFrame]:
    pairs = (
        dataset.scan("attributes", partition=partition)
        .drop_nulls("value")
        .group_by("product_id")
        .agg(pl.concat_str("name", pl.col("value").str.to_lowercase(), separator="\x1f").unique().sort().alias("pair"))
        .filter(pl.col("pair").list.len() >= FEWEST_PAIRS)
        .select("product_id", key=pl.col("pair").list.join("\x1e"))
        .collect()
    )
    return Modality.TABLE.value, pairs


def _media(dataset: Dataset, partition: int, kept: Path) -> list[tuple[str, pl.DataFrame]]:
    """The bytes of every file that could be had."""
    listed = dataset.read("media", partition=partition, columns=("product_id", "modality", "location_id"))
    had = files.had(kept, listed).filter(pl.col("state") == State.PRESENT.value)
    shown = had.select("product_id", "modality", key="asset_id")
    return [(m.value, shown.filter(pl.col("modality") == m.value).drop("modality")) for m in MEDIA]
