"""The media roots of a dataset's sources, and what lies below them: in folders file by file, in stores side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import polars as pl

from m5tools import objects
from m5tools.bucket import Bucket
from m5tools.errors import UsageError
from m5tools.fetch.local import Root, look_as_any
from m5tools.manifest import Manifest
from m5tools.store import is_remote
from m5tools.vocabulary import Modality

AT_A_TIME: Final = 16
"""Objects that one worker looks at: a request waits for its answer many times longer than it takes here."""

_SCHEMA: Final = {
    "location_id": pl.String, "modality": pl.String, "state": pl.UInt8, "reason": pl.UInt8, "asset_id": pl.String,
    "mime": pl.String, "uri": pl.String, "offset": pl.Int64, "length": pl.Int64, "pack_bytes": pl.Int64,
    "pack_sha256": pl.String,
}  # fmt: skip
_Row = tuple[str, str, str, list[str]]

Roots = Mapping[str, list[Root | None]]


def of_sources(manifest: Manifest) -> Roots:
    """The media roots of every source, that of the latest crawl first.

    Raises:
        UsageError: one is neither a folder nor in an S3 store.
    """
    roots: dict[str, dict[Root, None]] = {}
    for crawl in reversed(manifest["crawls"]):
        mine = roots.setdefault(crawl["source"], {})
        if crawl["media_root"] is not None:
            mine[_root(crawl["media_root"])] = None
    return {source: [*mine] or [None] for source, mine in roots.items()}


def look_in(roots: Roots) -> None:
    """Ask each store once, before thousands of files are asked for.

    Raises:
        UsageError: there is no such bucket, or it may not be read.
        StageFailed: it does not answer.
    """
    for bucket in dict.fromkeys(root for mine in roots.values() for root in mine if isinstance(root, Bucket)):
        bucket.look_in()


def examined(rows: pl.DataFrame, roots: Roots, came: Callable[[int, int], None]) -> pl.DataFrame:
    """Paths, looked at one by one.

    Args:
        rows: location_id, source, location, listed_as.
        roots: of every source.
        came: told how many of them are done, and how many there are, where they are far away.
    """
    asked: list[_Row] = rows.select("location_id", "source", "location", "listed_as").rows()
    if any(isinstance(root, Bucket) for source in rows["source"].unique() for root in roots[source]):
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            found = list(_told(pool.map(lambda row: _look(row, roots), asked), len(asked), came))
    else:
        found = [_look(row, roots) for row in asked]
    return pl.DataFrame(found, schema=_SCHEMA, orient="row")


def _root(named: str) -> Root:
    if not is_remote(named):
        return Path(named)
    try:
        return objects.folder_at(objects.plain(named))
    except ValueError as error:
        raise UsageError(f"media_root {named}: {error}") from error


def _look(row: _Row, roots: Roots) -> tuple[object, ...]:
    location_id, source, location, listed_as = row
    modality, found = look_as_any(location, [Modality(m) for m in listed_as], roots[source])
    return (location_id, modality.value, found.state.value, found.reason.value, found.asset_id, found.mime,
            found.uri, found.offset, found.length, None, None)  # fmt: skip


def _told(
    found: Iterable[tuple[object, ...]], of: int, came: Callable[[int, int], None]
) -> Iterable[tuple[object, ...]]:
    for done, one in enumerate(found, start=1):
        came(done, of)
        yield one
