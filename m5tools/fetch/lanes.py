"""One unit's share of URLs: its lanes run side by side, each asking ahead and settling in order.

What comes is written to packs in the order of the plan, not in that of arrival: equal answers give equal packs. A lane
asks only so far ahead of the first location that is still open, which bounds what waits in memory.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import polars as pl
from yarl import URL

from m5tools.dataset import Dataset, Output
from m5tools.fetch import packs
from m5tools.fetch.client import Client
from m5tools.fetch.config import FetchConfig
from m5tools.fetch.exchange import Validators
from m5tools.fetch.found import Found, failed
from m5tools.fetch.hosts import Clock, Late, Refused
from m5tools.vocabulary import Modality, Reason, State

AHEAD_A_CONNECTION: Final = 4
"""Locations that the lane of one host asks ahead, for each of its connections …"""

AHEAD_AT_LEAST: Final = 128
"""… and so many at least: one that trickles holds up none of these. What waits in memory is 256 KiB each at most."""

AHEAD_OF_MANY_HOSTS: Final = 512
"""Locations that the lane of small hosts asks ahead: a host that hangs holds up no more than that."""

# The system's resolver blocks its thread; names of many hosts are looked up side by side.
_LOOK_UPS: Final = 32

_Row = dict[str, Any]


@dataclass
class _Count:
    """Locations that the lanes of a unit have settled."""

    of: int
    came: Callable[[int, int], None]
    done: int = 0

    def one_more(self) -> None:
        self.done += 1
        self.came(self.done, self.of)


@dataclass(frozen=True)
class Lanes:
    """What the lanes of one unit work with.

    Attributes:
        visit: number of this run of `fetch`.
        unit: key of the unit.
        clock: keeps the deadline; what is not begun before it is left as it was.
        spill: folder for large bodies on their way.
    """

    dataset: Dataset
    config: FetchConfig
    visit: int
    unit: str
    clock: Clock
    spill: Path

    def ask(self, rows: pl.DataFrame, came: Callable[[int, int], None]) -> None:
        """Ask the URLs of the unit and make what comes durable as it comes.

        Args:
            rows: rows of the plan that have a lane and are not settled by this visit yet, in its order.
            came: told how many of these locations are settled, and how many there are.

        Raises:
            StageFailed: the disk does not take a body.
        """
        try:
            asyncio.run(self._side_by_side(rows, _Count(rows.height, came)))
        except ExceptionGroup as group:
            # Lanes that fail together fail for one reason, such as a full disk.
            raise group.exceptions[0] from group

    async def _side_by_side(self, rows: pl.DataFrame, count: _Count) -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(_LOOK_UPS))
        config = self.config
        spread = rows.select("host", "pieces").filter(pl.col("pieces") > 1).unique()
        pieces = {URL(f"http://{host}").host or "": number for host, number in spread.iter_rows()}
        of_one = max(AHEAD_A_CONNECTION * config.per_host, AHEAD_AT_LEAST)
        async with Client(config, self.clock, self.spill, pieces) as client, asyncio.TaskGroup() as lanes:
            for (number,), share in rows.group_by("lane", maintain_order=True):
                name = f"{self.unit}-{number:02d}"
                packing = packs.Lane(self.dataset, self.visit, name, config.deciding, config.locations_a_pack)
                ahead = of_one if number else AHEAD_OF_MANY_HOSTS
                lanes.create_task(_lane(client, share.to_dicts(), packing, ahead, count))


async def _lane(client: Client, rows: list[_Row], packing: packs.Lane, ahead: int, count: _Count) -> None:
    """Ask `ahead` of what is settled; settle in order."""
    running: deque[asyncio.Task[packs.Visit | None]] = deque()
    try:
        for row in rows:
            running.append(asyncio.create_task(_visit(client, row)))
            if len(running) >= ahead:
                await _settle(running.popleft(), packing)
                count.one_more()
        while running:
            await _settle(running.popleft(), packing)
            count.one_more()
        await asyncio.to_thread(packing.close)
    except BaseException:
        for task in running:
            task.cancel()
        packing.discard()
        raise


async def _settle(task: asyncio.Task[packs.Visit | None], packing: packs.Lane) -> None:
    visit = await task
    if visit is None:
        return
    if packing.is_full:
        await asyncio.to_thread(packing.close)
    if visit.found.length > packs.PACK_BYTES // 8:
        await asyncio.to_thread(packing.add, visit)
    else:
        packing.add(visit)


async def _visit(client: Client, row: _Row) -> packs.Visit | None:
    """Ask one location; None where the deadline came first."""
    had = row["state"] == State.PRESENT
    validators = Validators(row["etag"], row["last_modified"]) if had else Validators()
    known = _known(row) if had else None
    about = packs.Visit(
        row["location_id"], row["crawl_id"], known or failed(Reason.NONE), pack=_pack(row) if had else None
    )
    try:
        answer = await client.fetch(row["location_id"], row["location"], Modality(row["modality"]), validators)
    except Late:
        return None
    except Refused as refusal:
        if known is not None:
            # What was had before is not lost because it cannot be had again.
            return replace(about, status=refusal.status, etag=row["etag"], last_modified=row["last_modified"])
        return replace(about, found=failed(refusal.reason), status=refusal.status, passing=refusal.passing)
    kept = answer.validators
    about = replace(about, status=answer.status, etag=kept.etag, last_modified=kept.last_modified)
    if answer.body is None:
        return replace(about, etag=kept.etag or row["etag"], last_modified=kept.last_modified or row["last_modified"])
    body = answer.body
    if known is not None and known.asset_id == body.asset_id:
        body.discard()
        return about
    found = Found(State.PRESENT, Reason.NONE, body.asset_id, answer.mime, None, 0, body.length)
    return replace(about, found=found, body=body, pack=None)


def _known(row: _Row) -> Found:
    return Found(
        State(row["state"]), Reason(row["reason"]), row["asset_id"], row["mime"], row["uri"], row["offset"] or 0,
        row["length"] or 0,
    )  # fmt: skip


def _pack(row: _Row) -> Output:
    return Output(row["uri"], row["pack_bytes"], row["pack_sha256"])
