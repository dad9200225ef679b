"""Sources over time: what each crawl brought, and in which months products were first seen and last crawled."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns
from m5tools.dataset import Dataset
from m5tools.manifest import Manifest

CRAWLS_LISTED = 60
MONTHS_LISTED = 36
SOURCES_LISTED = 7
OTHERS = "other sources"


@dataclass(frozen=True)
class CrawlSize:
    """One crawl.

    Attributes:
        new: products that no crawl before it had.
        changed: products of earlier crawls that it delivered with other content.
        unchanged: rows that it delivered as they were known.
        latest: products whose latest version is of this crawl.
        first, last: when its products were crawled (ISO dates, UTC).
    """

    source: str
    crawl: str
    new: int
    changed: int
    unchanged: int
    latest: int
    first: str | None
    last: str | None


@dataclass(frozen=True)
class Month:
    """Products of one source that were first seen, and that were last crawled, in one month (`2026-03`, UTC)."""

    month: str
    source: str
    first_seen: int
    last_crawled: int


@dataclass(frozen=True)
class Timeline:
    """The section on time.

    Attributes:
        crawls: in the order they came, at most the last `CRAWLS_LISTED`.
        months: in order, the last `MONTHS_LISTED`; small sources are one.
        earlier: products first seen before these months.
        undated: products of which no crawl says when it saw them.
    """

    crawls: tuple[CrawlSize, ...]
    months: tuple[Month, ...]
    earlier: int
    undated: int


def count(dataset: Dataset, manifest: Manifest) -> Timeline:
    """Count the section."""
    order = {crawl["crawl_id"]: place for place, crawl in enumerate(manifest["crawls"])}
    crawls = columns.summed(dataset, lambda i: _crawls(_versions(dataset, i, order)), ["source", "crawl_id"], _DATES)
    told, earlier, undated = _listed(
        columns.summed(dataset, lambda i: _months(_versions(dataset, i, order)), ["month", "source"])
    )
    unchanged = {e.removeprefix("ingest/"): s["counts"].get("unchanged", 0) for e, s in manifest["stages"].items()}
    rows = sorted(crawls.iter_rows(named=True), key=lambda row: (order.get(row["crawl_id"], -1), row["source"]))
    return Timeline(
        crawls=tuple(
            CrawlSize(
                source=columns.shown(row["source"], 80),
                crawl=columns.shown(row["crawl_id"], 80),
                new=row["new"],
                changed=row["rows"] - row["new"],
                unchanged=unchanged.get(row["crawl_id"], 0),
                latest=row["latest"],
                first=columns.day(row["first"]),
                last=columns.day(row["last"]),
            )
            for row in rows[-CRAWLS_LISTED:]
        ),
        months=told,
        earlier=earlier,
        undated=undated,
    )


_DATES = {"first": pl.col("first").min(), "last": pl.col("last").max()}


def _versions(dataset: Dataset, partition: int, order: dict[str, int]) -> pl.LazyFrame:
    """Every version of every product, with the places of its first and last crawl: `source, crawl_id, place, first,
    last, seen, crawled`, where `seen` and `crawled` are the first and the last time of the product."""
    parts = dataset.parts("products", partition=partition)
    rows = pl.scan_parquet(parts, glob=False) if parts else dataset.scan("products", partition=partition)
    place = pl.col("crawl_id").replace_strict(order, default=-1, return_dtype=pl.Int32)
    rows = rows.select("product_id", "source", "crawl_id", "crawled_at", place=place)
    when = pl.col("crawled_at")
    if len(order) < 2:
        return rows.with_columns(first="place", last="place", seen=when, crawled=when)
    of_product = rows.group_by("product_id").agg(
        first=pl.col("place").min(), last=pl.col("place").max(), seen=when.min(), crawled=when.max()
    )
    return rows.join(of_product, on="product_id")


def _crawls(versions: pl.LazyFrame) -> pl.LazyFrame:
    return versions.group_by("source", "crawl_id").agg(
        pl.len().cast(pl.Int64).alias("rows"),
        (pl.col("place") == pl.col("first")).sum().cast(pl.Int64).alias("new"),
        (pl.col("place") == pl.col("last")).sum().cast(pl.Int64).alias("latest"),
        first=pl.col("crawled_at").min(),
        last=pl.col("crawled_at").max(),
    )


def _months(versions: pl.LazyFrame) -> pl.LazyFrame:
    """Products by source and month, each by its latest version; a month is null where nothing says when."""
    latest = versions.filter(pl.col("place") == pl.col("last"))
    zero, one = pl.lit(0, pl.Int64), pl.len().cast(pl.Int64)
    first = latest.group_by("source", month=pl.col("seen").dt.strftime("%Y-%m")).agg(first_seen=one, last_crawled=zero)
    last = latest.group_by("source", month=pl.col("crawled").dt.strftime("%Y-%m")).agg(
        first_seen=zero, last_crawled=one
    )
    return pl.concat([first, last]).group_by("month", "source").agg(pl.all().sum())


def _listed(months: pl.DataFrame) -> tuple[tuple[Month, ...], int, int]:
    """The months that are told of, products first seen before them, and products without any."""
    dated = months.drop_nulls("month")
    undated = int(months["first_seen"].sum()) - int(dated["first_seen"].sum())
    shown = sorted(set(dated["month"]))[-MONTHS_LISTED:]
    sources = dated.group_by("source").agg(pl.col("last_crawled").sum())
    large = sources.sort(["last_crawled", "source"], descending=[True, False])["source"].head(SOURCES_LISTED)
    named = pl.when(pl.col("source").is_in(large.implode())).then("source").otherwise(pl.lit(OTHERS))
    told = dated.filter(pl.col("month").is_in(shown)).group_by("month", source=named).agg(pl.all().sum())
    rows = tuple(
        Month(month, columns.shown(source, 80), seen, crawled)
        for month, source, seen, crawled in told.sort("month", "source")
        .select("month", "source", "first_seen", "last_crawled")
        .iter_rows()
    )
    earlier = int(dated["first_seen"].sum()) - sum(row.first_seen for row in rows)
    return rows, earlier, undated
