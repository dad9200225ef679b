"""What the dataset holds: sources, finished stages, listed media, attributes and languages."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns, longtail
from m5tools.audit.columns import NotYet
from m5tools.dataset import Dataset, Manifest
from m5tools.vocabulary import MEDIA

ATTRIBUTES_LISTED = 40
LANGUAGES_LISTED = 30


@dataclass(frozen=True)
class Source:
    """One source: its crawls in the order they came, its products, and when they were crawled (ISO dates, UTC)."""

    source: str
    crawls: tuple[str, ...]
    products: int
    first: str | None
    last: str | None


@dataclass(frozen=True)
class Finished:
    """A finished stage as `dataset.json` records it."""

    entry: str
    version: int
    counts: dict[str, int]


@dataclass(frozen=True)
class Facts:
    """What stands at the head of the page.

    Attributes:
        name: of the dataset's folder.
        products: latest versions.
        listed: rows of texts, attributes and media files by modality, in that order.
    """

    name: str
    format: int
    products: int
    sources: tuple[Source, ...]
    listed: dict[str, int]
    stages: tuple[Finished, ...]


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
class Attributes:
    """The attribute section: the tail of the names by products that list them, and the most common ones."""

    pairs: int
    tail: longtail.Tail
    names: tuple[Attribute, ...]


@dataclass(frozen=True)
class Language:
    """Products by declared and by found language; found is null before `m5 measure`."""

    language: str | None
    declared: int
    found: int | None


@dataclass(frozen=True)
class Languages:
    """The language section: the most common languages, and how many others there are."""

    languages: tuple[Language, ...]
    others: int
    found: str | NotYet


def facts(dataset: Dataset, manifest: Manifest) -> Facts:
    """Count the head of the page."""
    day = pl.col("crawled_at").dt.strftime("%Y-%m-%d")
    by_source = (
        dataset.scan("products")
        .group_by("source")
        .agg(pl.len(), day.min().alias("first"), day.max().alias("last"))
        .sort("source")
        .collect()
    )
    crawls: dict[str, list[str]] = {}
    for crawl in manifest["crawls"]:
        crawls.setdefault(crawl["source"], []).append(crawl["crawl_id"])
    sources = tuple(
        Source(columns.shown(source, 80), tuple(crawls.get(source, ())), *rest)
        for source, *rest in by_source.iter_rows()
    )
    media = dict(dataset.scan("media").group_by("modality").len().collect().iter_rows())
    listed = {
        "texts": columns.rows(dataset.scan("texts")),
        "attributes": columns.rows(dataset.scan("attributes")),
        **{m.value: media.get(m.value, 0) for m in MEDIA},
    }
    stages = tuple(Finished(name, e["version"], dict(e["counts"])) for name, e in sorted(manifest["stages"].items()))
    name = dataset.root.resolve().name
    return Facts(name, manifest["format"], sum(s.products for s in sources), sources, listed, stages)


def attributes(dataset: Dataset, products: int) -> Attributes:
    """Count the attribute section."""
    value = pl.col("value").is_not_null()
    counted = columns.summed(
        dataset,
        lambda i: (
            dataset.scan("attributes", partition=i)
            .group_by("name")
            .agg(
                pl.col("product_id").n_unique().cast(pl.Int64).alias("products"),
                pl.len().cast(pl.Int64).alias("pairs"),
                value.sum().cast(pl.Int64).alias("filled"),
                (value & pl.col("number").is_not_null()).sum().cast(pl.Int64).alias("numbers"),
            )
        ),
        ["name"],
    )
    top = counted.sort(["products", "name"], descending=[True, False]).head(ATTRIBUTES_LISTED)
    return Attributes(
        pairs=int(counted["pairs"].sum()),
        tail=longtail.measure(counted["products"].to_numpy()),
        names=tuple(
            Attribute(columns.shown(name, 80), n, n / products, filled / pairs, numbers / filled if filled else 0.0)
            for name, n, pairs, filled, numbers in top.iter_rows()
        ),
    )


def languages(dataset: Dataset) -> Languages:
    """Count the language section."""
    declared = _by_language(dataset, "products", "declared")
    measured = columns.has(dataset, "signals_text")
    found = _by_language(dataset, "signals_text", "found") if measured else declared.select("language", found=None)
    both = declared.join(found, on="language", how="full", coalesce=True, nulls_equal=True)
    both = both.with_columns(pl.col("declared").fill_null(0))
    if measured:
        both = both.with_columns(pl.col("found").fill_null(0))
    both = both.sort(["found", "declared", "language"], descending=[True, True, False], nulls_last=True)
    rows = tuple(
        Language(None if language is None else columns.shown(language, 20), said, heard)
        for language, said, heard in both.select("language", "declared", "found").head(LANGUAGES_LISTED).iter_rows()
    )
    return Languages(rows, max(0, both.height - LANGUAGES_LISTED), "m5 measure" if measured else NotYet("m5 measure"))


def _by_language(dataset: Dataset, table: str, name: str) -> pl.DataFrame:
    return columns.summed(
        dataset,
        lambda i: dataset.scan(table, partition=i).group_by("language").agg(pl.len().cast(pl.Int64).alias(name)),
        ["language"],
    )
