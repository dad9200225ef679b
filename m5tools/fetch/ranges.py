"""What is listed and what was asked before, by ranges of location ids, so that memory does not grow with either.

Listings lie by product and visits by run, unit and lane, so that ids of all ranges are in each part: both are cut once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow.parquet as pq

from m5tools.dataset import Dataset
from m5tools.joins import buckets

LISTINGS_AT_ONCE: Final = 65_536
"""Rows of `media` that are in memory at once, nearly: location ids are hashes, so equal ranges hold about as many."""

PARTS_AT_ONCE: Final = 512
"""Parts of `visits` that are in memory at once: each tells of one pack, of 256 visits unless set otherwise."""

LISTED: Final = ("location_id", "source", "location", "modality", "crawl_id")


def several(dataset: Dataset, at_once: int) -> int:
    """Ranges of location ids of which each holds so many listings."""
    return min(1 << 16, max(1, -(-listings(dataset) // at_once)))


def listings(dataset: Dataset) -> int:
    """Rows of all parts of `media`."""
    return sum(int(pq.read_metadata(part).num_rows) for part in dataset.parts("media"))


def cut(dataset: Dataset, folder: Path) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The columns `LISTED` of `media`, and `visits`, of each range of location ids, in order.

    Args:
        dataset: the dataset.
        folder: where both are kept, cut into ranges.
    """
    number = several(dataset, LISTINGS_AT_ONCE)
    bounds = pl.Series([f"{(place << 16) // number:04x}" for place in range(1, number)], dtype=pl.String)
    media = (dataset.read("media", partition=i, columns=LISTED) for i in range(dataset.partitions))
    listed = _cut(media, bounds, folder / "listings")
    visited = _cut(_visits(dataset), bounds, folder / "visits")
    for place in range(number):
        yield buckets.read(listed, place), buckets.read(visited, place)


def _cut(tables: Iterable[pl.DataFrame], bounds: pl.Series, folder: Path) -> list[buckets.Opened]:
    """Tables with a `location_id`, each written by ranges; where all but the first range begin is given."""
    files = []
    for number, rows in enumerate(tables):
        files.append(folder / f"{number:05d}.arrow")
        places = bounds.search_sorted(rows["location_id"], side="right")
        buckets.write(files[-1], rows, places, len(bounds) + 1)
    return buckets.opened(files)


def _visits(dataset: Dataset) -> Iterator[pl.DataFrame]:
    """All visits, some parts at a time; a table without rows where there are none."""
    parts = dataset.parts("visits")
    for start in range(0, len(parts), PARTS_AT_ONCE):
        yield pl.read_parquet(parts[start : start + PARTS_AT_ONCE], glob=False)
    if not parts:
        yield dataset.read("visits")
