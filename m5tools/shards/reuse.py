"""Members that shards of this dataset hold already are copied, not encoded again.

Whether they may be is decided by what made them: the same settings, the same encoders, the same libraries give the same
bytes. So nobody has to say where to look: all shard folders of the dataset are looked through, the one that is about to
be written anew too. What is copied is checked against its checksum, encoded where it fails. Nothing is copied of a
shard whose index is damaged, nor with `--refresh`.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import av
import cv2
import polars as pl
import simplejpeg
import soundfile
import xxhash

from m5tools.dataset import Dataset
from m5tools.errors import STARVED, M5Error, number_of
from m5tools.media import source
from m5tools.media.guard import DecodeError
from m5tools.shards.config import Encoding
from m5tools.shards.encode import File
from m5tools.shards.manifest import OVERLAYS, OverlayManifest, ShardFile, ShardManifest, overlay_names
from m5tools.shards.writer import Member
from m5tools.vocabulary import Modality

ENCODERS: Final = 1
"""Raised whenever the same settings and libraries would make other bytes of a file than before."""
_PLACE: Final = {
    "tar": pl.String(),
    "offset": pl.Int64(),
    "length": pl.Int64(),
    "xxh3": pl.UInt64(),
    "name": pl.String(),
    "width": pl.Int32(),
    "height": pl.Int32(),
    "duration_s": pl.Float32(),
}
_MADE: Final = pl.Struct(_PLACE)
_ASSET: Final = pl.col("assets").cast(pl.String)
_TOLD: Final = ("offset", "length", "xxh3", "name")
_MEMBER: Final[dict[str, pl.DataType]] = {"modality": pl.String()} | {
    name: kind for name, kind in _PLACE.items() if name != "tar"
}


def made_with(encoding: Encoding) -> str:
    """16 hex digits that change with whatever decides the bytes that are made of a file."""
    settings = {name: getattr(encoding, name) for name in Encoding.model_fields} | {"video": encoding.video_form}
    return hashlib.sha256(json.dumps([ENCODERS, settings, _libraries()], sort_keys=True).encode()).hexdigest()[:16]


@cache
def _libraries() -> list[Any]:
    return [
        simplejpeg.__version__,
        cv2.__version__,
        soundfile.__libsndfile_version__,
        sorted(av.library_versions.items()),
    ]


def pool(dataset: Dataset, encoding: Encoding, scratch: Path) -> pl.DataFrame:
    """What other shards hold of the files of this dataset.

    Args:
        dataset: where the shard folders are.
        encoding: how members are to be made.
        scratch: folder for second names of the tars, under which they outlive being written anew.

    Returns:
        `modality`, `asset_id`, `made`: the members of the first sample that has the file, in their order, as structs of
        place, checksum, name, size and length.
    """
    wanted = made_with(encoding)
    parts: list[pl.DataFrame] = []
    for folder in sorted((dataset.root / "shards").glob("*")):
        for tar, index in (*_shards(folder, wanted), *_over(folder, wanted)):
            members = _members(index)
            if members is not None:
                parts.append(members.with_columns(tar=pl.lit(_held(tar, scratch)), part=pl.lit(len(parts))))
    if not parts:
        return nothing()
    made = [Modality.AUDIO]  # what is untouched is copied from where it came
    made += [Modality.IMAGE] * (encoding.media == "encoded") + [Modality.VIDEO] * (encoding.video_form != "untouched")
    found = pl.concat(parts).filter(pl.col("modality").is_in([m.value for m in made]))
    sample = pl.struct("part", "row")
    return (
        found.filter(sample == sample.first().over("modality", "asset_id"))
        .group_by("modality", "asset_id", maintain_order=True)
        .agg(made=pl.struct(*_PLACE))
    )


def nothing() -> pl.DataFrame:
    """The pool in which nothing is: where there are no other shards, or everything is to be made again."""
    return pl.DataFrame(schema={"modality": pl.String, "asset_id": pl.String, "made": pl.List(_MADE)})


def copies(file: File, made: list[dict[str, Any]], number: int) -> list[Member] | None:
    """The members that a file became before, named for the sample at hand; None where one is not what it was.

    Args:
        file: the file.
        made: what :func:`pool` says of it.
        number: how many members of its modality the sample has already.
    """
    members = []
    for k, place in enumerate(made, start=number):
        try:
            data = source.read(Path("/"), place["tar"], place["offset"], place["length"])
        except DecodeError:
            return None
        if xxhash.xxh3_64_intdigest(data) != place["xxh3"]:
            return None
        name = f"{file.modality.value}_{k}.{place['name'].rpartition('.')[2]}"
        size = (place["width"], place["height"], place["duration_s"])
        members.append(Member(name, file.modality, data, file.asset_id, *size))
    return members


def _shards(folder: Path, wanted: str) -> Iterator[tuple[Path, Path]]:
    """The tars and indexes of a folder, if its members were made as is wanted."""
    with suppress(M5Error):
        manifest = ShardManifest.read(folder)
        if manifest.made_with == wanted:
            yield from _there(folder, manifest.splits)


def _over(folder: Path, wanted: str) -> Iterator[tuple[Path, Path]]:
    """Likewise of the overlays of a folder that bring media."""
    for name in overlay_names(folder):
        with suppress(M5Error):
            manifest = OverlayManifest.read(folder / OVERLAYS / name)  # also of one that new shards made stale
            if manifest.modalities and manifest.made_with == wanted:
                yield from _there(folder / OVERLAYS / name, manifest.splits)


def _there(folder: Path, splits: dict[str, tuple[ShardFile, ...]]) -> Iterator[tuple[Path, Path]]:
    for files in splits.values():
        for file in files:
            tar, index = folder / Path(file.tar).name, folder / file.index
            if tar.is_file() and index.is_file():
                yield tar, index


def _members(index: Path) -> pl.DataFrame | None:
    """The media members of one shard, with the row of their sample; None where its index is damaged."""
    try:
        found = (
            pl.read_parquet(index, columns=["members", "assets"], glob=False)
            .with_row_index("row")
            .explode("members", "assets")
            .unnest("members")
            .filter(pl.col("modality").is_not_null())
            .select("row", *(pl.col(name).cast(kind) for name, kind in _MEMBER.items()), asset_id=_ASSET)
        )
    except (OSError, pl.exceptions.PolarsError) as error:
        if number_of(error) in STARVED:
            raise
        return None
    return None if found.select(_TOLD).null_count().sum_horizontal().item() else found


def _held(tar: Path, scratch: Path) -> str:
    """A second name for a tar; the tar itself where the file system has no second names."""
    scratch.mkdir(parents=True, exist_ok=True)
    second = scratch / f"{len(list(scratch.iterdir()))}.tar"
    try:
        second.unlink(missing_ok=True)
        os.link(tar, second)
    except OSError:
        return str(tar.absolute())
    return str(second.absolute())
