"""Packs: tars of fetched files, named by their content, and beside each the visits that it came from.

A pack and its visits (`packs/0001/part-00003-00-0007.{tar,parquet}`: visit, unit, lane, number) are written once and
whole, the tar first; a tar without visits is the remainder of a killed run. So the visits on the disk are the memory
of `fetch`, down to single URLs: what they hold is never asked again without need, whatever became of the run.
"""

from __future__ import annotations

import tarfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa

from m5tools import atomic, schema
from m5tools.dataset import Dataset, Output
from m5tools.fetch.body import Body
from m5tools.fetch.found import Found
from m5tools.fetch.hosts import Late

PACK_BYTES: Final = 64 * 2**20
"""A pack that holds as much takes no more files: what a killed run may lose of one lane."""

_SUFFIXES: Final = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "image/webp": "webp", "image/avif": "avif",
    "image/svg+xml": "svg", "image/tiff": "tif", "image/bmp": "bmp", "image/heic": "heic", "video/mp4": "mp4",
    "video/webm": "webm", "video/quicktime": "mov", "video/x-msvideo": "avi", "audio/mpeg": "mp3", "audio/wav": "wav",
    "audio/ogg": "ogg", "audio/flac": "flac", "audio/mp4": "m4a", "audio/aac": "aac",
}  # fmt: skip


@dataclass(frozen=True)
class Visit:
    """What came of asking one URL.

    Attributes:
        location_id: the location.
        crawl_id: latest crawl that lists it.
        found: what is known now; of a new body, without its place in a pack.
        body: bytes that are not in a pack yet.
        pack: the pack that holds them already.
        status, passing, etag, last_modified: see `schemas/tables/visits.yaml`.
    """

    location_id: str
    crawl_id: str
    found: Found
    body: Body | None = None
    pack: Output | None = None
    status: int | None = None
    passing: bool = False
    etag: str | None = None
    last_modified: str | None = None


def known(dataset: Dataset, settings: str, visits: pl.DataFrame) -> pl.DataFrame:
    """The last of some locations' visits, as far as its pack is still there, with `failures`: the visits that ended in
    a failure of a passing kind since the crawl that lists it, under the same settings."""
    alike = (pl.col("crawl_id") == pl.col("crawl_id").last()) & (pl.col("settings") == settings) & pl.col("passing")
    found = (
        visits.lazy()
        .sort("location_id", "visit")
        .group_by("location_id", maintain_order=True)
        .agg(pl.exclude("location_id", "visit").last(), failures=alike.sum())
        .collect()
    )
    packs = found.select("uri", "pack_bytes").drop_nulls().unique()
    gone = [uri for uri, size in packs.iter_rows() if dataset.size_of(dataset.root / uri) != size]
    return found.filter(pl.col("uri").is_null() | ~pl.col("uri").is_in(gone))


def of_unit(dataset: Dataset, visit: int, unit: str) -> pl.DataFrame:
    """What a unit has made durable of one visit, in this run or in one that was killed."""
    parts = sorted((dataset.folder("visits") / folder_of(visit)).glob(f"{unit}-*.parquet"))
    if not parts:
        empty = pl.from_arrow(schema.empty("visits"))
        assert isinstance(empty, pl.DataFrame)
        return empty
    return pl.read_parquet(parts, glob=False)


def next_visit(dataset: Dataset) -> int:
    """The number of a new visit; what killed runs left half done in earlier ones is removed."""
    folders = sorted(f for f in dataset.folder("visits").glob("[0-9]*") if f.name.isdecimal() and f.is_dir())
    for folder in folders:
        atomic.sweep(folder)
        for tar in dataset.files_below(folder):
            if tar.suffix == ".tar" and not tar.with_suffix(".parquet").is_file():
                atomic.remove(tar)
    return 1 + max((int(f.name) for f in folders), default=0)


def folder_of(visit: int) -> str:
    return f"{visit:04d}"


def outputs(assets: pl.DataFrame) -> list[Output]:
    """The records of the packs that hold assets."""
    held = assets.filter(pl.col("pack_bytes").is_not_null()).select("uri", "pack_bytes", "pack_sha256")
    return [Output(uri, size, sha256) for uri, size, sha256 in held.unique().sort("uri").iter_rows()]


class Lane:
    """Writes the visits of one lane, in order, into packs.

    Args:
        dataset: the dataset.
        visit: number of this run of `fetch`.
        name: unit and lane, such as `part-00003-00`.
        settings: fingerprint of the settings.
        most: visits of one pack.
    """

    def __init__(self, dataset: Dataset, visit: int, name: str, settings: str, most: int) -> None:
        self._dataset = dataset
        self._about = {"visit": visit, "settings": settings}
        self._stem = f"{folder_of(visit)}/{name}"
        self._most = most
        self._number = len(list(dataset.folder("visits").glob(f"{self._stem}-*.parquet")))
        self._rows: list[dict[str, Any]] = []
        self._tar = _Tar(self._path)
        atomic.sweep(self._path.parent)

    @property
    def is_full(self) -> bool:
        """Whether the open pack is to be closed before more is added."""
        return len(self._rows) >= self._most or self._tar.bytes >= PACK_BYTES

    def add(self, visit: Visit) -> None:
        """Take a visit into the open pack."""
        found, pack = visit.found, visit.pack
        place: dict[str, Any] = {}
        if visit.body is not None:
            place = {"uri": self._uri, "offset": self._tar.add(visit.body, found.mime), "length": found.length}
        elif pack is not None:
            place = {"uri": pack.path, "offset": found.offset, "length": found.length}
            place |= {"pack_bytes": pack.bytes, "pack_sha256": pack.sha256}
        self._rows.append(
            {
                **self._about, **place, "location_id": visit.location_id, "crawl_id": visit.crawl_id,
                "state": found.state.value, "reason": found.reason.value, "passing": visit.passing,
                "status": visit.status, "etag": visit.etag, "last_modified": visit.last_modified,
                "asset_id": found.asset_id, "mime": found.mime,
            }
        )  # fmt: skip

    def close(self) -> None:
        """Make the open pack durable: bytes first, then the visits that speak of them."""
        if not self._rows:
            return
        if self._tar.close():
            facts = self._dataset.output(self._path)
            for row in self._rows:
                if row.get("uri") == facts.path:
                    row |= {"pack_bytes": facts.bytes, "pack_sha256": facts.sha256}
        law = schema.law("visits")
        columns = [pa.array([row.get(c.name) for row in self._rows], c.type) for c in law.columns]
        rows = pa.Table.from_arrays(columns, names=list(law.names))
        self._dataset.write("visits", f"{self._stem}-{self._number:04d}", rows)
        self._number += 1
        self._rows, self._tar = [], _Tar(self._path)

    def discard(self) -> None:
        """Leave nothing of the open pack."""
        self._tar.discard()

    @property
    def _path(self) -> Path:
        return self._dataset.folder("visits") / f"{self._stem}-{self._number:04d}.tar"

    @property
    def _uri(self) -> str:
        return self._path.relative_to(self._dataset.root).as_posix()


class _Tar:
    """A tar that begins with its first file; equal bytes go in once. Equal files give an equal tar."""

    def __init__(self, path: Path) -> None:
        self.bytes = 0
        self._path = path
        self._open = ExitStack()
        self._tar: tarfile.TarFile | None = None
        self._offsets: dict[str, int] = {}

    def add(self, body: Body, mime: str | None) -> int:
        """Append a body; gives where its bytes begin."""
        if body.asset_id not in self._offsets:
            if self._tar is None:
                temporary = self._open.enter_context(atomic.whole_file(self._path))
                self._tar = tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT)  # noqa: SIM115 - see close()
            member = tarfile.TarInfo(f"{body.asset_id}.{_SUFFIXES.get(mime or '', 'bin')}")
            member.size = body.length
            self._offsets[body.asset_id] = self._tar.offset + tarfile.BLOCKSIZE
            with body.opened() as file:
                self._tar.addfile(member, file)
            self.bytes += body.length
        body.discard()
        return self._offsets[body.asset_id]

    def close(self) -> bool:
        """Make it durable under its name; False where there was nothing to write."""
        if self._tar is None:
            return False
        self._tar.close()
        self._open.close()
        return True

    def discard(self) -> None:
        """Remove what was written."""
        if self._tar is not None:
            self._tar.close()
            self._open.__exit__(Late, Late(), None)
