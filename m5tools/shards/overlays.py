"""Overlays read: the index of shards with what was laid over it, as if it had been there from the start.

Rows go together by their order, which the overlay's manifest vouches for by the content hash of the shards it was made
for. A member then needs to say in which tar it lies: that of the shards, or one of an overlay.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from m5tools.atomic import sha256_of
from m5tools.errors import UsageError
from m5tools.shards.index import codes, fives
from m5tools.shards.manifest import OVERLAYS, OverlayManifest, ShardManifest
from m5tools.vocabulary import Modality

_GEOMETRY: Final = {
    Modality.IMAGE: ("image_width", "image_height"),
    Modality.VIDEO: ("video_s",),
    Modality.AUDIO: ("audio_s",),
}


def opened(folder: Path, manifest: ShardManifest, name: str) -> OverlayManifest:
    """The manifest of an overlay, of whose base the folder still is.

    Raises:
        UsageError: there is no such overlay, or it was made for shards of another content.
    """
    overlay = OverlayManifest.read(folder / OVERLAYS / name)
    if overlay.base != manifest.content:
        raise UsageError(
            f"the overlay '{name}' was made for other shards than those in {folder}; run 'm5 overlay' again"
        )
    return overlay


def merged(folder: Path, manifest: ShardManifest, split: str, overlays: Sequence[str] = ()) -> pa.Table:
    """The index of a split with overlays laid over it, one behind the other.

    Args:
        folder: the shard folder.
        manifest: its manifest.
        split: one of its splits.
        overlays: names of its overlays; tags of a later one take the place of an earlier one's.

    Returns:
        The columns of `shard_index`, then those that overlays bring. `members` has one field more, `tar`: a dictionary
        of paths below the folder. `start` and `end` stay those of the sample in its own tar.

    Raises:
        UsageError: an overlay is missing, damaged, or was made for other shards.
    """
    table = _with_tars(_indexes(folder, manifest.splits[split], ""), "", manifest.splits[split])
    for name in overlays:
        overlay = opened(folder, manifest, name)
        over = _indexes(folder / OVERLAYS / name, overlay.splits[split], f"overlay '{name}': ")
        if not over["product_id"].equals(table["product_id"]):
            raise UsageError(f"the overlay '{name}' does not list the samples of {folder}; run 'm5 overlay' again")
        if overlay.modalities:
            over = _with_tars(over, f"{OVERLAYS}/{name}/", overlay.splits[split])
            table = _media(table, over, overlay.modalities)
        else:
            for column in overlay.columns:
                table = _put(table, column, over[column])
    return table


def _indexes(folder: Path, files: Sequence[Any], whose: str) -> pa.Table:
    parts = []
    for file in files:
        path = folder / file.index
        if not path.is_file() or sha256_of(path) != file.index_sha256:
            raise UsageError(f"{whose}{path} is not the index that its manifest names; copy or make it again")
        parts.append(pq.read_table(path))
    return pa.concat_tables(parts).combine_chunks()


def _with_tars(table: pa.Table, prefix: str, files: Sequence[Any]) -> pa.Table:
    """The table with a field `tar` in its members."""
    members = table["members"].combine_chunks()
    number = np.repeat(np.arange(len(files), dtype=np.int32), [file.samples for file in files])
    counts = members.value_lengths().to_numpy()
    tars = pa.DictionaryArray.from_arrays(
        pa.array(np.repeat(number, counts)), pa.array([prefix + file.tar for file in files], pa.string())
    )
    flat = members.flatten()
    fields = [*(flat.field(i) for i in range(flat.type.num_fields)), tars]
    named = pa.StructArray.from_arrays(fields, names=[*(field.name for field in flat.type), "tar"])
    return _put(table, "members", pa.ListArray.from_arrays(_offsets(counts), named))


def _media(table: pa.Table, over: pa.Table, modalities: Sequence[Modality]) -> pa.Table:
    """The table with an overlay's members behind its own, and masks that tell of both."""
    present, added = (t["present"].to_numpy().astype(np.uint8) for t in (table, over))
    new = {name: codes(table[name]).copy() for name in ("state", "reason")}
    for modality in modalities:
        lacking = (present >> modality.bit & 1) == 0
        for name, values in new.items():
            values[lacking, modality.bit] = codes(over[name])[lacking, modality.bit]
        for name in _GEOMETRY[modality]:
            mine = pa.array((added >> modality.bit & 1).astype(bool))
            table = _put(table, name, pc.if_else(mine, over[name].combine_chunks(), table[name].combine_chunks()))
    table = _put(table, "present", pa.array(present | added))
    for name, values in new.items():
        table = _put(table, name, fives(values))
    table = _put(table, "cost", pc.add(table["cost"], over["cost"]))
    for name in ("members", "assets"):
        table = _put(table, name, _behind(table[name].combine_chunks(), over[name].combine_chunks()))
    return table


def _behind(first: Any, second: Any) -> pa.ListArray:
    """Lists of one column followed by those of another, row by row."""
    counts = [lists.value_lengths().to_numpy() for lists in (first, second)]
    rows = np.concatenate([np.repeat(np.arange(len(first)), count) for count in counts])
    flat = pa.chunked_array([first.flatten(), second.flatten()])
    if flat.num_chunks > 1 and pa.types.is_struct(flat.type):
        flat = pa.chunked_array(pa.table({"m": flat}).unify_dictionaries()["m"].chunks)
    both = flat.combine_chunks().take(pa.array(np.argsort(rows, kind="stable")))
    return pa.ListArray.from_arrays(_offsets(counts[0] + counts[1]), both)


def _offsets(counts: npt.NDArray[Any]) -> pa.Array:
    return pa.array(np.concatenate([[0], np.cumsum(counts)]).astype(np.int32))


def _put(table: pa.Table, name: str, values: Any) -> pa.Table:
    """The table with a column, of the type that the table has for it already; members alone gain a field."""
    at = table.schema.get_field_index(name)
    if at < 0:
        return table.append_column(name, values)
    field = table.schema.field(at)
    if name == "members":
        return table.set_column(at, field.with_type(values.type), values)
    return table.set_column(at, field, values.cast(field.type))
