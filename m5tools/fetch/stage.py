"""The stage `fetch`: every listed location ends in a state and a reason; what is there becomes an asset.

Local files are referenced where they lie; a path is looked for below the media root of its source's latest crawl, then
below those of the crawls before. What was listed as several modalities is the first of them that its bytes fit: a clip
that is also listed as its own sound is a clip. A URL stays `pending` with reason `not_fetched`: downloading comes with
a later release, and every stage after this one accepts pending media. Rounds: `list` (every location once, sorted) →
`look` (slices of that list) → `assets` (equal bytes listed under several locations become one asset).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
from pydantic import Field

from m5tools import atomic
from m5tools.dataset import Dataset, Manifest
from m5tools.fetch.local import Found, look
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import MEDIA, Modality, Reason, State

LOCATIONS = "locations.parquet"
ROWS_READ_AT_ONCE = 8_192


class FetchConfig(StageConfig):
    """How listed media is brought in."""

    locations_a_unit: int = Field(4_096, ge=1, description="locations looked at by one unit of work")


@dataclass(frozen=True)
class Fetch(Stage):
    """See the module."""

    name: ClassVar[str] = "fetch"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = ("fetched", "assets")

    config: FetchConfig

    def inputs(self) -> tuple[Input, ...]:
        return (Input("media"),)

    def advice(self, counts: Counts) -> str | None:
        if counts.get("items") and counts["failed"] == counts["items"]:
            return "no listed file could be had; check the media_root given to 'm5 ingest'"
        return None

    def noted(self, manifest: Manifest) -> Any:
        return [[crawl["source"], crawl["media_root"]] for crawl in manifest["crawls"]]

    def rounds(self) -> tuple[str, ...]:
        return ("list", "look", "assets")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name != "look":
            return [Unit("part-00000")]
        count = dataset.scan("media").select(pl.col("location_id").n_unique()).collect().item()
        size = self.config.locations_a_unit
        return [Unit(f"part-{i:05d}", {"start": start}) for i, start in enumerate(range(0, count, size))]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if round_name == "list":
            return self._list(work)
        if round_name == "assets":
            return self._assets(work)
        listed = pl.scan_parquet(work.scratch / LOCATIONS)
        locations = listed.slice(unit.args["start"], self.config.locations_a_unit).collect()
        roots = _roots(work.dataset.manifest())
        rows = [
            (location_id, *_best(location, modalities, roots[source]))
            for location_id, source, location, modalities in locations.iter_rows()
        ]
        work.write("fetched", unit.key, _fetched(rows))
        with atomic.whole_file(work.scratch / "assets" / f"{unit.key}.parquet") as temporary:
            _found_assets(rows).write_parquet(temporary)
        failed = sum(found.state == State.FAILED for *_, found in rows)
        pending = sum(found.state == State.PENDING for *_, found in rows)
        return {"items": len(rows), "failed": failed, "pending": pending}

    @staticmethod
    def _list(work: Work) -> Counts:
        with atomic.whole_file(work.scratch / LOCATIONS) as temporary:
            _locations(work.dataset).collect().write_parquet(temporary, row_group_size=ROWS_READ_AT_ONCE)
        return {}

    @staticmethod
    def _assets(work: Work) -> Counts:
        staged = sorted((work.scratch / "assets").glob("[!.]*.parquet"))
        if not staged:
            return {"assets": 0}
        order = ("asset_id", pl.col("modality").cast(pl.Enum([m.value for m in MEDIA])), "uri")
        assets = pl.concat([pl.read_parquet(file) for file in staged]).sort(*order)
        return {
            "assets": work.write("assets", "part-00000", assets.unique("asset_id", keep="first", maintain_order=True))
        }


def _locations(dataset: Dataset) -> pl.LazyFrame:
    """Every listed location once, in the order of its id, with all it was listed as."""
    media = dataset.scan("media").select("location_id", "source", "location", "modality").unique()
    by_location = media.sort("location_id", "source", "modality").group_by("location_id", maintain_order=True)
    return by_location.agg(pl.col("source", "location").first(), pl.col("modality").unique(maintain_order=True))


def _roots(manifest: Manifest) -> dict[str, list[Path | None]]:
    """The media roots of every source, that of the latest crawl first."""
    roots: dict[str, list[Path | None]] = {}
    for crawl in reversed(manifest["crawls"]):
        folders = roots.setdefault(crawl["source"], [])
        if crawl["media_root"] is not None:
            folders.append(Path(crawl["media_root"]))
    return {source: folders or [None] for source, folders in roots.items()}


def _best(location: str, listed_as: list[str], roots: list[Path | None]) -> tuple[Modality, Found]:
    """What is at a location, below the first root that has it, as the first modality that its bytes fit."""
    modalities = [modality for modality in MEDIA if modality in listed_as]
    for root in roots:
        looks = [(modality, look(location, modality, root)) for modality in modalities]
        best = next((seen for seen in looks if seen[1].state == State.PRESENT), looks[0])
        if best[1].reason != Reason.MISSING_FILE:
            break
    return best


def _fetched(rows: list[tuple[str, Modality, Found]]) -> pl.DataFrame:
    columns = [(location_id, found.asset_id, found.state.value, found.reason.value) for location_id, _, found in rows]
    schema = {"location_id": pl.String, "asset_id": pl.String, "state": pl.UInt8, "reason": pl.UInt8}
    return pl.DataFrame(columns, schema=schema, orient="row")


def _found_assets(rows: list[tuple[str, Modality, Found]]) -> pl.DataFrame:
    columns = [
        (found.asset_id, modality.value, found.mime, str(found.path), 0, found.length)
        for _, modality, found in rows
        if found.state == State.PRESENT
    ]
    schema = {"asset_id": pl.String, "modality": pl.String, "mime": pl.String, "uri": pl.String, "offset": pl.Int64}
    return pl.DataFrame(columns, schema={**schema, "length": pl.Int64}, orient="row")
