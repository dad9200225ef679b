"""What is compared: a dataset, one crawl of it, or one cut, cut into the same slices of product ids as the other side.

Two datasets need not have the same number of partitions. A slice is a range of the first 16 bits of the product id that
is one whole partition of the side with fewer; all that is compared product by product stays inside a slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl

from m5tools import schema
from m5tools.dataset import Dataset, open_dataset
from m5tools.errors import UsageError
from m5tools.manifest import Manifest
from m5tools.partitions import partition_of

HOMES = 65_536
"""Values of the first 16 bits of a product id."""


@dataclass(frozen=True)
class Slice:
    """Product ids whose first 16 bits are `first` … `beyond` − 1."""

    first: int
    beyond: int


def slices(a: int, b: int) -> list[Slice]:
    """The slices of two sides with so many partitions (0 where nothing was ingested), in order."""
    count = min(a or b or 1, b or a or 1)
    starts = [-(-i * HOMES // count) for i in range(count + 1)]
    return [Slice(first, beyond) for first, beyond in pairwise(starts)]


@dataclass(frozen=True)
class Side:
    """One side of a comparison.

    Attributes:
        name: as the user wrote it.
        dataset: where it is.
        crawl: only what this crawl delivered as new or changed; None = the latest version of every product.
        cut: only products of this cut; None = all.
    """

    name: str
    dataset: Dataset
    crawl: str | None = None
    cut: str | None = None

    def scan(self, table: str, part: Slice, **choices: str) -> pl.LazyFrame:
        """The rows of a table keyed by product that belong to this side and lie in a slice."""
        partitions = self.dataset.partitions
        here = range(part.first * partitions // HOMES, -(-part.beyond * partitions // HOMES))
        frames = []
        for i in here:
            frame = self._partition(table, i, choices)
            inside = -(-i * HOMES // partitions) >= part.first and -(-(i + 1) * HOMES // partitions) <= part.beyond
            if not inside:
                home = partition_of(pl.col("product_id"), HOMES)
                frame = frame.filter((home >= part.first) & (home < part.beyond))
            frames.append(frame)
        return pl.concat(frames) if frames else self.dataset.scan(table, partition=0, **choices)

    def _partition(self, table: str, partition: int, choices: dict[str, str]) -> pl.LazyFrame:
        frame = self.dataset.scan(table, partition=partition, **choices)
        if self.crawl is not None:
            frame = self._of_crawl(table, partition, frame)
        if self.cut is not None and table != "cut_products":
            chosen = self.dataset.scan("cut_products", partition=partition, cut=self.cut).select("product_id")
            frame = frame.join(chosen, on="product_id", how="semi")
        return frame

    def _of_crawl(self, table: str, partition: int, latest: pl.LazyFrame) -> pl.LazyFrame:
        """Of a table that has a version of every crawl that one; of others the products that no later crawl changed."""
        assert self.crawl is not None
        if "crawl_id" in schema.law(table).key:
            return self.dataset.of_crawls(table, (self.crawl,), partition)
        known = self.dataset.scan("products", partition=partition).filter(pl.col("crawl_id") == self.crawl)
        return latest.join(known.select("product_id"), on="product_id", how="semi")

    @property
    def crawls(self) -> tuple[str, ...]:
        """The crawls it holds, in the order they came in."""
        known = tuple(crawl["crawl_id"] for crawl in self.dataset.manifest()["crawls"])
        return known if self.crawl is None else (self.crawl,)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the sources of its crawls, sorted."""
        crawls = self.dataset.manifest()["crawls"]
        return tuple(sorted({crawl["source"] for crawl in crawls if crawl["crawl_id"] in self.crawls}))

    @property
    def unchanged(self) -> int:
        """Rows that its crawl delivered just as an earlier one had: there is no second version of them."""
        entry = self.dataset.manifest()["stages"].get(f"ingest/{self.crawl}")
        return entry["counts"].get("unchanged", 0) if entry and self.crawl is not None else 0


def side_of(written: str) -> Side:
    """What a user means by `FOLDER`, `FOLDER@CRAWL` or `FOLDER#CUT`.

    A folder whose own name holds one of the marks is found first.

    Raises:
        UsageError: there is no such dataset, crawl or cut.
    """
    if Dataset(written).exists:
        return Side(written, open_dataset(written))
    mark = max("@#", key=written.rfind)
    folder, found, choice = written.rpartition(mark)
    if not found:
        return Side(written, open_dataset(written))
    dataset = open_dataset(Path(folder or "."))
    manifest = dataset.manifest()
    kind, names = ("crawl", _crawls(manifest)) if mark == "@" else ("cut", _cuts(manifest))
    if choice not in names:
        known = f"there is {', '.join(names)}" if names else "there is none"
        raise UsageError(f"{folder or '.'} has no {kind} '{choice}'; {known}")
    return Side(written, dataset, crawl=choice) if mark == "@" else Side(written, dataset, cut=choice)


def _crawls(manifest: Manifest) -> list[str]:
    return [crawl["crawl_id"] for crawl in manifest["crawls"]]


def _cuts(manifest: Manifest) -> list[str]:
    return sorted(entry.removeprefix("cut/") for entry in manifest["stages"] if entry.startswith("cut/"))
