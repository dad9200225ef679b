"""The stage `fetch`: every listed location ends in a state and a reason; what is there becomes an asset.

Local files are referenced where they lie. A URL stays `pending` with reason `not_fetched`: downloading comes with a
later release, and every stage after this one accepts pending media. Rounds: `list` (every location once, sorted) →
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
from m5tools.vocabulary import Modality, State

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
        roots = {c["source"]: c["media_root"] for c in work.dataset.manifest()["crawls"]}
        rows = [
            (location_id, modality, look(location, Modality(modality), _path(roots[source])))
            for location_id, source, location, modality in locations.iter_rows()
        ]
        work.write("fetched", unit.key, _fetched(rows))
        with atomic.whole_file(work.scratch / "assets" / f"{unit.key}.parquet") as temporary:
            _found_assets(rows).write_parquet(temporary)
        failed = sum(found.state == State.FAILED for _, _, found in rows)
        pending = sum(found.state == State.PENDING for _, _, found in rows)
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
        assets = pl.concat([pl.read_parquet(file) for file in staged]).sort("asset_id", "modality", "uri")
        return {
            "assets": work.write("assets", "part-00000", assets.unique("asset_id", keep="first", maintain_order=True))
        }


def _locations(dataset: Dataset) -> pl.LazyFrame:
    """Every listed location once, in the order of its id."""
    media = dataset.scan("media").select("location_id", "source", "location", "modality")
    return media.sort("location_id", "source", "modality").unique("location_id", keep="first", maintain_order=True)


def _path(root: str | None) -> Path | None:
    return Path(root) if root is not None else None


def _fetched(rows: list[tuple[str, str, Found]]) -> pl.DataFrame:
    columns = [(location_id, found.asset_id, found.state.value, found.reason.value) for location_id, _, found in rows]
    schema = {"location_id": pl.String, "asset_id": pl.String, "state": pl.UInt8, "reason": pl.UInt8}
    return pl.DataFrame(columns, schema=schema, orient="row")


def _found_assets(rows: list[tuple[str, str, Found]]) -> pl.DataFrame:
    columns = [
        (found.asset_id, modality, found.mime, str(found.path), 0, found.length)
        for _, modality, found in rows
        if found.state == State.PRESENT
    ]
    schema = {"asset_id": pl.String, "modality": pl.String, "mime": pl.String, "uri": pl.String, "offset": pl.Int64}
    return pl.DataFrame(columns, schema={**schema, "length": pl.Int64}, orient="row")
