"""A shard folder of real JPEGs under their own bytes, for measuring the loader: no encoder stands between.

The pictures of M5_REAL_DATA (photographs of catalogues and shops, up to 200 kB) are repeated until there are enough
samples; each sample is a small JSON and one picture, in eight tars with their indexes.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from m5tools import schema
from m5tools.atomic import sha256_of
from m5tools.shards.manifest import ShardFile, ShardManifest, tar_name
from m5tools.shards.writer import Member, Place, TarWriter
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

DATA = Path(os.environ.get("M5_REAL_DATA", "../shared/data"))
SETS = ("clothing_categories", "grocery_fresh", "icecat_spryker", "magento_luma", "neardup_ukbench")
SHARDS = 8
PRESENT = (Modality.IMAGE, Modality.TEXT)


def pictures() -> list[bytes]:
    """The JPEGs of the sets, in the order of their paths."""
    files = sorted(f for name in SETS for f in (DATA / name).rglob("*.jp*g") if f.stat().st_size <= 200_000)
    return [data for data in (f.read_bytes() for f in files) if data[:3] == b"\xff\xd8\xff"]


def write(folder: Path, samples: int) -> list[bytes]:
    """Write the folder; returns the bytes of all pictures, in the order of the samples."""
    from m5tools.media import image
    from m5tools.media.guard import DecodeError

    def whole(data: bytes) -> bool:
        try:
            return image.decode(data) is not None
        except DecodeError:
            return False

    different = [data for data in pictures() if whole(data)]
    data = [different[i % len(different)] for i in range(samples)]
    (folder / "index").mkdir(parents=True)
    files = [_shard(folder, n, range(n * samples // SHARDS, (n + 1) * samples // SHARDS), data) for n in range(SHARDS)]
    ShardManifest.of((), {"train": tuple(files)}, "", {}).write(folder)
    return data


def index_row(
    pid: str, tar: Path, start: int, end: int, members: list[Member], places: list[Place], there: list[bool]
) -> dict[str, Any]:
    """The index row of a sample of `train`, which has the modalities that are `there`."""
    return {
        "product_id": pid,
        "shard": tar.name,
        "start": start,
        "end": end,
        "present": sum(here << m.bit for here, m in zip(there, MODALITIES, strict=True)),
        "state": [State.PRESENT if here else State.ABSENT for here in there],
        "reason": [Reason.NONE if here else Reason.NOT_LISTED for here in there],
        "split": "train",
        "members": [
            {
                "name": member.name,
                "modality": member.modality.value if member.modality else None,
                "offset": place.offset,
                "length": place.length,
                "xxh3": place.xxh3,
            }
            for member, place in zip(members, places, strict=True)
        ],
    }


def finished(folder: Path, tar: Path, rows: list[dict[str, Any]]) -> ShardFile:
    """Write the index of a tar that is whole."""
    law = schema.law("shard_index").schema
    index = folder / "index" / f"{tar.stem}.parquet"
    pq.write_table(pa.Table.from_pylist([_filled(row, law) for row in rows], schema=law), index)
    return ShardFile(tar=tar.name, samples=len(rows), bytes=tar.stat().st_size, index_sha256=sha256_of(index))


def _shard(folder: Path, number: int, samples: range, data: list[bytes]) -> ShardFile:
    tar = folder / tar_name("train", number)
    rows = []
    with TarWriter(tar) as writer:
        for i in samples:
            pid = hashlib.sha256(str(i).encode()).hexdigest()[:32]
            record = {"product_id": pid, "title": f"Picture {i}", "description": None, "attributes": []}
            members = [
                Member("json", None, json.dumps(record).encode()),
                Member("image_0.jpg", Modality.IMAGE, data[i]),
            ]
            start = writer.position
            places = [writer.add(pid, member) for member in members]
            there = [m in PRESENT for m in MODALITIES]
            rows.append(index_row(pid, tar, start, writer.position, members, places, there))
    return finished(folder, tar, rows)


def _filled(row: dict[str, Any], law: pa.Schema) -> dict[str, Any]:
    """A row with something in every column that may not be null."""
    nothing = {f.name: [] if pa.types.is_list(f.type) else 0 for f in law if not f.nullable}
    return nothing | row
