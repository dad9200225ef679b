"""What the dataset holds: sources, finished stages, listed media and languages."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns
from m5tools.audit.columns import NotYet
from m5tools.dataset import Dataset
from m5tools.manifest import Crawl, Manifest
from m5tools.vocabulary import MEDIA

LANGUAGES_LISTED = 30


@dataclass(frozen=True)
class Source:
    """One source.

    Attributes:
        crawls: in the order they came.
        licences: SPDX ids that its crawls were declared under, in their order; None is one that was not declared.
        products: latest versions.
        first, last: when they were crawled (ISO dates, UTC).
    """

    source: str
    crawls: tuple[str, ...]
    licences: tuple[str | None, ...]
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
    when = pl.col("crawled_at")
    one = pl.len().cast(pl.Int64).alias("items")
    by_source = columns.summed(
        dataset,
        lambda i: dataset.scan("products", partition=i).group_by("source").agg(one, first=when.min(), last=when.max()),
        ["source"],
        {"first": pl.col("first").min(), "last": pl.col("last").max()},
    )
    crawls: dict[str, list[Crawl]] = {}
    for crawl in manifest["crawls"]:
        crawls.setdefault(crawl["source"], []).append(crawl)
    sources = tuple(
        _source(source, crawls.get(source, []), n, columns.day(first), columns.day(last))
        for source, n, first, last in by_source.select("source", "items", "first", "last").iter_rows()
    )
    files = columns.summed(
        dataset, lambda i: dataset.scan("media", partition=i).group_by("modality").agg(one), ["modality"]
    )
    media = dict(files.iter_rows())
    listed = {
        **{
            table: sum(columns.rows(dataset.scan(table, partition=i)) for i in range(dataset.partitions))
            for table in ("texts", "attributes")
        },
        **{m.value: media.get(m.value, 0) for m in MEDIA},
    }
    stages = tuple(Finished(name, e["version"], dict(e["counts"])) for name, e in sorted(manifest["stages"].items()))
    name = columns.folder_name(dataset)
    return Facts(name, manifest["format"], sum(s.products for s in sources), sources, listed, stages)


def _source(name: str, crawls: list[Crawl], products: int, first: str | None, last: str | None) -> Source:
    declared = dict.fromkeys(crawl.get("license") for crawl in crawls)
    licences = tuple(licence and columns.shown(licence, 80) for licence in declared)
    return Source(
        columns.shown(name, 80), tuple(c["crawl_id"] for c in crawls), licences or (None,), products, first, last
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
