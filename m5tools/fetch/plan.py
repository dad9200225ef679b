"""Which locations are asked in this run, and by which unit of work, in which lane.

Nothing that limits requests to a host is shared between processes; limits hold because the locations of one host stay
in one unit. Only a host of very many locations that is allowed very many connections is spread over several units, each
with its share of the connections. Inside a unit a host of many locations has a *lane* of its own, so that a slow one
keeps nobody waiting; the small ones share lane 0. Order and packs are settled lane by lane.
"""

from __future__ import annotations

import heapq
from typing import Final

import polars as pl

from m5tools.dataset import Dataset
from m5tools.fetch import packs
from m5tools.fetch.config import FetchConfig
from m5tools.vocabulary import MEDIA, State

RUNS_FOR_PASSING_FAILURES: Final = 3
"""Runs of `fetch` that ask again for what fails in a passing way; then it is left, so that runs come to an end."""

_HOST: Final = r"^[^:]+://(?:[^/?#]*@)?(\[[^\]/]*\]|[^/?#:]*)"


def units(locations: int, config: FetchConfig) -> int:
    """Number of units for so many locations."""
    return -(-locations // config.locations_a_unit)


def made(dataset: Dataset, config: FetchConfig, refresh: bool) -> pl.DataFrame:
    """Every listed location once: what is known of it, its unit, and its lane where it is to be asked (else null).

    Args:
        dataset: the dataset.
        config: the settings.
        refresh: ask again for what was had before.

    Returns:
        location_id, source, location, modality, listed_as, crawl_id, unit, lane, host, pieces, and the columns of
        :func:`packs.known`, null where a location was never asked; ordered by unit, lane, location_id.
    """
    rows = _listed(dataset).join(packs.known(dataset, config.deciding), on="location_id", how="left", suffix="_known")
    order = pl.Enum([c["crawl_id"] for c in dataset.manifest()["crawls"]])
    rows = rows.with_columns(
        host=pl.col("location").str.extract(_HOST).str.to_lowercase(),
        is_open=is_url() & pl.lit(config.download) & (pl.lit(refresh) | _is_open(config, order)),
    )
    count = units(rows.height, config)
    idle = rows.filter(~pl.col("is_open")).sort("location_id")
    idle = idle.with_columns(unit=(pl.int_range(pl.len()) * count // max(1, idle.height)).cast(pl.Int32))
    asked = _assigned(rows.filter("is_open"), count, config)
    together = pl.concat([idle.drop("is_open"), asked.drop("is_open")], how="diagonal")
    return together.sort("unit", "lane", "location_id", nulls_last=True)


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


def _listed(dataset: Dataset) -> pl.DataFrame:
    """Every listed location once, with the latest crawl that lists it and all that it is listed as."""
    order = pl.Enum([c["crawl_id"] for c in dataset.manifest()["crawls"]])
    media = dataset.scan("media").select("location_id", "source", "location", "modality", "crawl_id")
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


def _assigned(asked: pl.DataFrame, count: int, config: FetchConfig) -> pl.DataFrame:
    """Hosts, or pieces of very large ones, given to units: the largest first, always to the least laden unit."""
    hosts = asked.group_by("host").len().sort(["len", "host"], descending=[True, False])
    laden = [(0, unit) for unit in range(count)]
    places: list[tuple[str | None, int, int, int]] = []
    for host, size in hosts.iter_rows():
        pieces = min(config.pieces, count) if size > config.locations_a_unit else 1
        least = [heapq.heappop(laden) for _ in range(pieces)]
        for piece, (load, unit) in enumerate(least):
            places.append((host, pieces, piece, unit))
            heapq.heappush(laden, (load + size // pieces, unit))
    table = pl.DataFrame(
        places, schema={"host": pl.String, "pieces": pl.Int32, "piece": pl.Int32, "unit": pl.Int32}, orient="row"
    )
    within = (pl.int_range(pl.len()) * pl.col("pieces") // pl.len()).over("host").cast(pl.Int32)
    asked = asked.sort("location_id").join(
        table.select("host", "pieces").unique(), on="host", nulls_equal=True, maintain_order="left"
    )
    asked = asked.with_columns(piece=within).join(
        table.drop("pieces"), on=["host", "piece"], nulls_equal=True, maintain_order="left"
    )
    own = pl.len().over("unit", "host") >= config.locations_a_pack
    rank = pl.when("own").then("host").rank("dense").over("unit")
    asked = asked.with_columns(own=own & pl.col("host").is_not_null())
    return asked.with_columns(lane=pl.when("own").then(rank).otherwise(0).cast(pl.Int32)).drop("own", "piece")
