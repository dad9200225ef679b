"""The stage `fetch`: every listed location ends in a state and a reason; what is there becomes an asset.

Files below a media root, a folder here or in an S3 store, are referenced where they lie; a path is looked for below the
root of its source's latest crawl, then below those of the crawls before. What URLs give goes into packs. What was
listed as several modalities is the first of them, in their fixed order, that its bytes fit (a URL: the first). Rounds:
`plan` (every location once, what is known of it, who asks it) → `look` (units: files below roots are examined, URLs
asked) → `assets` (equal bytes found under several locations become one asset). What was asked is remembered beside the
packs, URL by URL (`packs.py`): a run that was killed or stopped by `--until` goes on where it was, and a later one asks
only for what is open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, ClassVar

import polars as pl

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.fetch import packs, plan, roots
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.hosts import Clock
from m5tools.joins import buckets
from m5tools.manifest import Manifest
from m5tools.stage import Counts, Input, Stage, Unit, Work
from m5tools.vocabulary import MEDIA, Reason, State

PLAN = "plan"
_MEDIA = rf"^(?:{'|'.join(m.value for m in MEDIA)})/"
RANGES_A_FILE = 4
"""Ranges of the plan that are written together: every unit that looks opens all files. They are in memory together,
some 500 bytes a row, up to three times while they are written: 0.4 GB where a range has 65,536 listings."""
_FOUND = ("state", "reason", "asset_id", "mime", "uri", "offset", "length")


@dataclass(frozen=True)
class Fetch(Stage):
    """See the module."""

    name: ClassVar[str] = "fetch"
    version: ClassVar[int] = 5
    writes: ClassVar[tuple[str, ...]] = ("fetched", "assets")
    stops_by_itself: ClassVar[bool] = True

    config: FetchConfig

    def inputs(self) -> tuple[Input, ...]:
        return (Input("media"),)

    def advice(self, counts: Counts) -> str | None:
        items, failed = counts.get("items", 0), counts.get("failed", 0)
        answered, barred, unreachable = (counts.get(name, 0) for name in ("answered", "barred", "unreachable"))
        if items and failed == items:
            if answered:
                return "no listed file could be had; the table 'visits' has what the servers answered"
            if unreachable and unreachable >= barred:
                return "no server could be reached; check the network, then run the same command again"
            if barred:
                return "nothing was sent: robots.txt or the rules for addresses forbid it; see docs/guides/fetch.md"
            return "no listed file could be had; check the media_root given to 'm5 ingest'"
        if answered and self.config.contact is None:
            return "servers were told no contact; give one with --set contact=URL"
        return None

    def remarks(self, dataset: Dataset) -> list[str]:
        failed = dataset.scan("fetched").filter(pl.col("state") == State.FAILED.value)
        reasons = failed.group_by("reason").len().sort(["len", "reason"], descending=[True, False]).collect()
        told = [f"{count:,} {Reason(reason).word}" for reason, count in reasons.iter_rows()]
        return [f"failed: {', '.join(told)}"] if told else []

    def noted(self, manifest: Manifest) -> Any:
        return [[crawl["source"], crawl["media_root"]] for crawl in manifest["crawls"]]

    def settled(self, counts: Mapping[str, int]) -> bool:
        return not counts.get("to_ask_again", 0)

    def rounds(self) -> tuple[str, ...]:
        return ("plan", "look", "assets")

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        if round_name != "look":
            return [Unit("part-00000")]
        return [Unit(f"part-{i:05d}", {"unit": i}) for i in range(plan.count(dataset, self.config))]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        if round_name == "plan":
            return self._list(work)
        return self._look(unit, work) if round_name == "look" else self._assets(work)

    def _list(self, work: Work) -> Counts:
        roots.look_in(roots.of_sources(work.dataset.manifest()))
        visit = packs.next_visit(work.dataset)
        several = plan.count(work.dataset, self.config)
        ranges = plan.made(work.dataset, self.config, several, work.terms.refresh, work.scratch / "listed")
        files = 0
        while some := list(islice(ranges, RANGES_A_FILE)):
            rows = pl.concat(some).with_columns(visit=pl.lit(visit, pl.Int32))
            buckets.write(work.scratch / PLAN / f"{files:05d}.arrow", rows, rows["unit"], several)
            files += 1
        return {}

    def _look(self, unit: Unit, work: Work) -> Counts:
        planned = buckets.opened(sorted((work.scratch / PLAN).glob("[!.]*.arrow")))
        rows = buckets.read(planned, unit.args["unit"]).sort("lane", "location_id", nulls_last=True)
        open_rows = rows.filter(pl.col("lane").is_not_null())
        asked = self._ask(unit, open_rows, work) if open_rows.height else None
        remote = _settled(rows.filter(plan.is_url()), asked)
        paths = roots.examined(rows.filter(~plan.is_url()), roots.of_sources(work.dataset.manifest()), work.came)
        found = pl.concat([paths, remote.select(paths.columns)]).sort("location_id")
        work.write("fetched", unit.key, found.select("location_id", "asset_id", "state", "reason"))
        present = found.filter(pl.col("state") == State.PRESENT.value)
        with atomic.whole_file(work.scratch / "assets" / f"{unit.key}.parquet") as temporary:
            present.select("modality", *_FOUND[2:], "pack_bytes", "pack_sha256").write_parquet(temporary)
        states = found["state"]
        counts = {"items": found.height} | {
            s.word: int((states == s.value).sum()) for s in (State.FAILED, State.PENDING)
        }
        counts |= _told(rows.filter(plan.is_url()), asked)
        if asked is not None:
            counts["to_ask_again"] = _open_still(open_rows, asked)
        return counts

    def _ask(self, unit: Unit, rows: pl.DataFrame, work: Work) -> pl.DataFrame:
        """Ask what this visit has not asked yet; gives all that it has."""
        # A dataset without URLs does without aiohttp.
        from m5tools.fetch.lanes import Lanes

        visit = rows["visit"][0]
        done = packs.of_unit(work.dataset, visit, unit.key)["location_id"].implode()
        left = rows.filter(~pl.col("location_id").is_in(done))
        if left.height and not work.terms.late:
            clock = Clock(work.terms.deadline)
            bodies = work.scratch / "bodies" / unit.key
            Lanes(work.dataset, self.config, visit, unit.key, clock, bodies).ask(left, work.came)
        return packs.of_unit(work.dataset, visit, unit.key)

    @staticmethod
    def _assets(work: Work) -> Counts:
        staged = sorted((work.scratch / "assets").glob("[!.]*.parquet"))
        if not staged:
            return {"assets": 0}
        order = ("asset_id", pl.col("modality").cast(pl.Enum([m.value for m in MEDIA])), "uri", "offset")
        found = pl.concat([pl.read_parquet(file, glob=False) for file in staged]).sort(*order)
        assets = found.unique("asset_id", keep="first", maintain_order=True)
        for pack in packs.outputs(assets):
            work.keeps(pack)
        return {"assets": work.write("assets", "part-00000", assets.drop("pack_bytes", "pack_sha256"))}


def _settled(rows: pl.DataFrame, asked: pl.DataFrame | None) -> pl.DataFrame:
    """URLs as they are known now: as this visit found them, else as one before did, else pending."""
    facts = [*_FOUND, "pack_bytes", "pack_sha256"]
    if asked is not None:
        before = rows.filter(~pl.col("location_id").is_in(asked["location_id"].implode()))
        now = rows.drop(facts).join(asked.select("location_id", *facts), on="location_id")
        rows = pl.concat([before, now], how="diagonal")
    never = pl.col("state").is_null()
    # Earlier versions kept bytes of no known type.
    unfit = (pl.col("state") == State.PRESENT.value) & ~pl.col("mime").str.contains(_MEDIA)
    return rows.with_columns(
        state=pl.when(never).then(_code(State.PENDING)).when(unfit).then(_code(State.FAILED)).otherwise("state"),
        reason=pl.when(never)
        .then(_code(Reason.NOT_FETCHED))
        .when(unfit)
        .then(_code(Reason.WRONG_TYPE))
        .otherwise("reason"),
        asset_id=pl.when(~unfit.fill_null(False)).then("asset_id"),
    )


def _code(word: State | Reason) -> pl.Expr:
    return pl.lit(word.value, pl.UInt8)


def _told(urls: pl.DataFrame, asked: pl.DataFrame | None) -> Counts:
    """What this run did about URLs.

    Returns:
        answered: by a server. barred: never sent, for robots.txt or its address forbids it. unreachable:
        nobody answered. kept: not asked, an earlier run's finding holds.
    """
    settled = urls.filter(pl.col("state").is_not_null())
    if asked is None:
        return _there({"kept": settled.height})
    kept = settled.filter(~pl.col("location_id").is_in(asked["location_id"].implode())).height
    reason, status = pl.col("reason"), pl.col("status")
    barred = (reason == Reason.BLOCKED_BY_ROBOTS.value) | (
        status.is_null() & reason.is_in([Reason.BLOCKED_ADDRESS.value, Reason.DEAD_LINK.value])
    )
    answered = ~barred & (status.is_not_null() | (reason == Reason.REDIRECT_LOOP.value))
    numbers = asked.select(answered=answered.sum(), barred=barred.sum()).row(0, named=True)
    unreachable = asked.height - numbers["answered"] - numbers["barred"]
    return {"answered": numbers["answered"]} | _there(
        {"barred": numbers["barred"], "kept": kept, "unreachable": unreachable}
    )


def _there(counts: Counts) -> Counts:
    """Those that are more than none."""
    return {name: count for name, count in counts.items() if count}


def _open_still(rows: pl.DataFrame, asked: pl.DataFrame) -> int:
    """Locations that the next run asks: those the deadline left, and failures of a passing kind, up to a number."""
    failures = rows.select("location_id", pl.col("failures").fill_null(0)).join(asked, on="location_id")
    again = failures.filter("passing").select(plan.worth_another_run(pl.col("failures") + 1).sum()).item()
    return rows.height - asked.height + int(again)
