"""Which locations are asked in this run, and by which unit of work, in which lane.

Nothing that limits requests to a host is shared between processes; limits hold because the locations of one host stay
in one unit. Only a host of very many locations that is allowed very many connections is spread over several units, each
with its share of the connections. Inside a unit a host of many locations has a *lane* of its own, so that a slow one
keeps nobody waiting; the small ones share lane 0. Order and packs are settled lane by lane.

The plan is made by ranges of location ids (`ranges.py`), so that memory does not grow with what is listed: each range
is put together and counted, host by host; then, with all counts known, each is given its units.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.fetch import packs, ranges
from m5tools.fetch.config import FetchConfig
from m5tools.vocabulary import MEDIA, State

RUNS_FOR_PASSING_FAILURES: Final = 3
"""Runs of `fetch` that ask again for what fails in a passing way; then it is left, so that runs come to an end."""

IDS_AT_ONCE: Final = 12_582_912
"""Rows of `media` of which hashes, no texts, are in memory at once, nearly."""

LEFT_A_LOOK: Final = 16
"""Addresses that are left pending in the time that one location is looked at in."""

_URL: Final = np.uint64(1 << 63)

_HOST: Final = r"^[^:]+://(?:[^/?#]*@)?(\[[^\]/]*\]|[^/?#:]*)"


def count(dataset: Dataset, config: FetchConfig) -> int:
    """Number of units, by the different hashes of what is listed: were two equal, units would be slightly larger."""
    passes, paths, urls = ranges.several(dataset, IDS_AT_ONCE), 0, 0
    every = np.empty(ranges.listings(dataset), np.uint64)  # what a pass does not fill takes no memory
    for number in range(passes):
        end = 0
        for partition in range(dataset.partitions):
            mine = _hashes(dataset, partition, number, passes)
            every[end : end + len(mine)] = mine
            end += len(mine)
        every[:end].sort()
        first_url = int(np.searchsorted(every[:end], _URL))
        paths += _different(every[:first_url])
        urls += _different(every[first_url:end])
    return units(paths, urls, config)


def _different(hashes: NDArray[np.uint64]) -> int:
    """How many different ones there are among sorted ones."""
    return min(1, len(hashes)) + int(np.count_nonzero(hashes[1:] != hashes[:-1]))


def units(paths: int, urls: int, config: FetchConfig) -> int:
    """Number of units for so many locations."""
    looked_at = paths + (urls if config.download else -(-urls // LEFT_A_LOOK))
    return -(-looked_at // config.locations_a_unit)


def made(dataset: Dataset, config: FetchConfig, several: int, refresh: bool, scratch: Path) -> Iterator[pl.DataFrame]:
    """Every listed location once: what is known of it, its unit, and its lane where it is to be asked (else null).

    Args:
        dataset: the dataset.
        config: the settings.
        several: :func:`count` of units.
        refresh: ask again for what was had before.
        scratch: folder for what is put together first.

    Yields:
        By ranges of location ids: location_id, source, location, modality, listed_as, crawl_id, unit, lane, host,
        pieces, and the columns of :func:`packs.known`, null where a location was never asked; ordered by unit, lane,
        location_id.
    """
    staged, hosts, idle = [], [], 0
    for number, (listings, visits) in enumerate(ranges.cut(dataset, scratch)):
        rows = _known(dataset, config, refresh, listings, visits)
        hosts.append(rows.filter("is_open").group_by("host").len())
        idle += rows.height - int(hosts[-1]["len"].sum())
        staged.append(scratch / f"{number:05d}.parquet")
        with atomic.whole_file(staged[-1]) as temporary:
            rows.write_parquet(temporary, compression="lz4")
    sizes = pl.concat(hosts).group_by("host").agg(pl.col("len").cast(pl.Int64).sum())
    places = _places(sizes, several, config)
    idle_before, asked_before = 0, sizes.with_columns(before=pl.lit(0, pl.Int64))
    for file in staged:
        rows = pl.read_parquet(file, glob=False)
        still = rows.filter(~pl.col("is_open")).drop("is_open")
        nth = pl.int_range(pl.len()) + idle_before
        still = still.with_columns(unit=(nth * several // max(1, idle)).cast(pl.Int32))
        asked = rows.filter("is_open").drop("is_open")
        here = asked.group_by("host").len(name="here")
        together = pl.concat([still, _assigned(asked, asked_before, places)], how="diagonal")
        yield together.sort("unit", "lane", "location_id", nulls_last=True)
        idle_before += still.height
        asked_before = asked_before.join(here, on="host", how="left", nulls_equal=True).select(
            "host", "len", before=pl.col("before") + pl.col("here").fill_null(0)
        )


def is_url() -> pl.Expr:
    """Whether a location is on the network; see :func:`m5tools.fetch.local.is_url`."""
    location = pl.col("location")
    return location.str.contains("://", literal=True) & ~location.str.contains("(?i)^file:")


def worth_another_run(failures: pl.Expr) -> pl.Expr:
    """Whether a location that has failed so often in a passing way is asked again by the next run."""
    return (failures > 0) & (failures < RUNS_FOR_PASSING_FAILURES)


def _is_open(config: FetchConfig, order: pl.Enum) -> pl.Expr:
    """Never asked; listed again by a later crawl; failed under other settings; or failed in a passing way."""
    listed, asked = pl.col("crawl_id").cast(order), pl.col("crawl_id_known").cast(order, strict=False)
    failed = pl.col("state") == State.FAILED.value
    again = (pl.col("settings") != config.deciding) | (pl.col("passing") & worth_another_run(pl.col("failures")))
    return (pl.col("state").is_null() | (listed.to_physical() > asked.to_physical()) | (failed & again)).fill_null(
        False
    )


def _hashes(dataset: Dataset, partition: int, number: int, passes: int) -> NDArray[np.uint64]:
    """Hashes of location ids, 63 bits, under one that says whether the location is on the network.

    Args:
        dataset: the dataset.
        partition: whose listings.
        number: which of several equal ranges of hashes.
        passes: how many ranges there are.
    """
    hashed = dataset.scan("media", partition=partition).select(hash=pl.col("location_id").hash(), url=is_url())
    listed = hashed.collect()
    hashes, asked = listed["hash"].to_numpy(), listed["url"].to_numpy()
    mine = (hashes >> 32) * passes >> 32 == number
    marked: NDArray[np.uint64] = hashes[mine] >> np.uint64(1) | asked[mine] * _URL
    return marked


def _known(
    dataset: Dataset, config: FetchConfig, refresh: bool, listings: pl.DataFrame, visits: pl.DataFrame
) -> pl.DataFrame:
    """The locations of a range by id, with what is known of them and whether they are to be asked (`is_open`)."""
    known = packs.known(dataset, config.deciding, visits)
    rows = _listed(dataset, listings).join(known, on="location_id", how="left", suffix="_known")
    order = pl.Enum([c["crawl_id"] for c in dataset.manifest()["crawls"]])
    return rows.with_columns(
        host=pl.col("location").str.extract(_HOST).str.to_lowercase(),
        is_open=is_url() & pl.lit(config.download) & (pl.lit(refresh) | _is_open(config, order)),
    ).sort("location_id")


def _listed(dataset: Dataset, listings: pl.DataFrame) -> pl.DataFrame:
    """Every listed location once, with the latest crawl that lists it and all that it is listed as."""
    order = pl.Enum([c["crawl_id"] for c in dataset.manifest()["crawls"]])
    media = listings.lazy()
    latest = media.group_by("location_id").agg(pl.col("crawl_id").cast(order).max().cast(pl.String))
    kinds = pl.Enum([m.value for m in MEDIA])
    one = media.drop("crawl_id").unique().with_columns(pl.col("modality").cast(kinds))
    by_location = one.sort("location_id", "source", "modality").group_by("location_id", maintain_order=True)
    listed = by_location.agg(
        pl.col("source", "location").first(),
        pl.col("modality").min().cast(pl.String),
        listed_as=pl.col("modality").unique().sort().cast(pl.String),
    )
    return listed.join(latest, on="location_id").collect()


def _places(sizes: pl.DataFrame, several: int, config: FetchConfig) -> pl.DataFrame:
    """Hosts, or pieces of very large ones, given to units: the largest first, always to the least laden unit.

    Args:
        sizes: `host` and the number of its locations that are asked, `len`.
        several: number of units.
        config: the settings.

    Returns:
        host, piece, pieces, unit, lane.
    """
    laden = [(0, unit) for unit in range(several)]
    places: list[tuple[str | None, int, int, int, int]] = []
    for host, size in sizes.sort(["len", "host"], descending=[True, False]).iter_rows():
        pieces = min(config.pieces, several) if size > config.locations_a_unit else 1
        least = [heapq.heappop(laden) for _ in range(pieces)]
        for piece, (load, unit) in enumerate(least):
            # Of `size` locations in order, those from -(-piece * size // pieces) on are of this piece.
            first, beyond = (-(-number * size // pieces) for number in (piece, piece + 1))
            places.append((host, pieces, piece, unit, beyond - first))
            heapq.heappush(laden, (load + size // pieces, unit))
    columns = {"host": pl.String, "pieces": pl.Int32, "piece": pl.Int32, "unit": pl.Int32, "locations": pl.Int64}
    table = pl.DataFrame(places, schema=columns, orient="row")
    own = (pl.col("locations") >= config.locations_a_pack) & pl.col("host").is_not_null()
    rank = pl.when(own).then("host").rank("dense").over("unit")
    lane = pl.when(own).then(rank).otherwise(0).cast(pl.Int32)
    return table.select("host", "piece", "pieces", "unit", lane=lane)


def _assigned(asked: pl.DataFrame, before: pl.DataFrame, places: pl.DataFrame) -> pl.DataFrame:
    """The locations of a range with `pieces`, `unit` and `lane`.

    Args:
        asked: locations to ask, by id.
        before: of every `host` the number of locations, `len`, and of those in earlier ranges, `before`.
        places: see :func:`_places`.
    """
    facts = before.join(places.select("host", "pieces").unique(), on="host", nulls_equal=True)
    asked = asked.join(facts, on="host", how="left", nulls_equal=True, maintain_order="left")
    nth = pl.int_range(pl.len()).over("host") + pl.col("before")
    asked = asked.with_columns(piece=(nth * pl.col("pieces") // pl.col("len")).cast(pl.Int32))
    assigned = places.drop("pieces")
    placed = asked.join(assigned, on=["host", "piece"], how="left", nulls_equal=True, maintain_order="left")
    return placed.drop("piece", "len", "before")
