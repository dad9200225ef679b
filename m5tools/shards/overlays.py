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

from m5tools import schema
from m5tools.atomic import sha256_of
from m5tools.dataset import checked_name
from m5tools.errors import UsageError
from m5tools.shards.index import codes, fives
from m5tools.shards.manifest import OVERLAY_MANIFEST, OVERLAYS, OverlayManifest, ShardFile, ShardManifest
from m5tools.vocabulary import MEDIA, MODALITIES, Modality, bit_mask

_GEOMETRY: Final = {
    Modality.IMAGE: ("image_width", "image_height"),
    Modality.VIDEO: ("video_s",),
    Modality.AUDIO: ("audio_s",),
}
_OF_MEMBERS: Final = ("cost", "members", "assets")
_OF_MEDIA: Final = (
    *("present", "state", "reason"),
    *(name for names in _GEOMETRY.values() for name in names),
    *_OF_MEMBERS,
)


def opened(folder: Path, manifest: ShardManifest, name: str) -> OverlayManifest:
    """The manifest of an overlay, of whose base the folder still is.

    Raises:
        UsageError: there is no such overlay, or it was made for shards of another content.
    """
    where = folder / OVERLAYS / checked_name("overlay", name)
    overlay = OverlayManifest.read(where)
    wrong = mismatch(overlay, manifest)
    if wrong is not None:
        raise UsageError(f"{where / OVERLAY_MANIFEST} {wrong}; run 'm5 overlay' again")
    return overlay


def mismatch(overlay: OverlayManifest, shards: ShardManifest) -> str | None:
    """Why an overlay cannot lie over shards, by what their manifests say; None where it can.

    Its files have the names of those below, so no path in a manifest leads out of the overlay's folder.
    """
    if overlay.base != shards.content:
        return "was made for other shards than these"
    if _told(overlay.splits) != _told(shards.splits):
        return "does not list the shards that it lies over"
    law = {name for name in schema.law("shard_index").names if name != "tags"}
    hidden = sorted(law & set(overlay.columns))
    if hidden:
        return f"would hide {', '.join(hidden)} of the index"
    if bool(overlay.columns) == bool(overlay.modalities) or not set(overlay.modalities) <= set(MEDIA):
        return f"must bring either columns or some of {', '.join(MEDIA)}"
    return None


def merged(
    folder: Path,
    manifest: ShardManifest,
    split: str,
    overlays: Sequence[str] = (),
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """The index of a split with overlays laid over it, one behind the other.

    Args:
        folder: the shard folder.
        manifest: its manifest.
        split: one of its splits.
        overlays: names of its overlays; tags of a later one take the place of an earlier one's.
        columns: those to read of the index, `product_id` and `present` with them; None = all.

    Returns:
        The columns of `shard_index`, then those that overlays bring. `members` has one field more, `tar`: a dictionary
        of paths below the folder. `start` and `end` stay those of the sample in its own tar.

    Raises:
        UsageError: an overlay is missing, damaged, or was made for other shards.
    """
    wanted = None if columns is None else list(dict.fromkeys(["product_id", "present", *columns]))
    table = with_tars(_indexes(folder, manifest.splits[split], "", wanted), "", manifest.splits[split])
    for name in overlays:
        overlay = opened(folder, manifest, name)
        files = overlay.splits[split]
        read = None if wanted is None else ["product_id", *needed(overlay, wanted)]
        over = _indexes(folder / OVERLAYS / name, files, f"overlay '{name}': ", read)
        if not over["product_id"].equals(table["product_id"]):
            raise UsageError(f"the overlay '{name}' does not list the samples of {folder}; run 'm5 overlay' again")
        table = laid(table, with_tars(over, f"{OVERLAYS}/{name}/", files), overlay)
    return table


def needed(overlay: OverlayManifest, names: Sequence[str]) -> list[str]:
    """The columns of an overlay's index that some columns of the whole index depend on."""
    if not overlay.modalities:
        return [name for name in overlay.columns if name in names]
    touched = [name for name in _OF_MEDIA if name in names]
    if not touched:
        return []
    members = ["members"] if any(name in _OF_MEMBERS for name in touched) else []
    return list(dict.fromkeys(["present", *touched, *members]))


def laid(table: pa.Table, over: pa.Table, overlay: OverlayManifest) -> pa.Table:
    """Columns of an index with an overlay over them.

    Args:
        table: any columns of the index, `present` among them where the overlay brings media.
        over: the columns of the overlay's index that these depend on (:func:`needed`), row by row.
        overlay: its manifest.
    """
    if overlay.modalities:
        return _media(table, over, overlay.modalities)
    for column in overlay.columns:
        if column in over.column_names:
            table = _put(table, column, over[column])
    return table


def _told(splits: dict[str, tuple[ShardFile, ...]]) -> dict[str, list[tuple[str, int]]]:
    return {split: [(file.tar, file.samples) for file in files] for split, files in splits.items()}


def _indexes(folder: Path, files: Sequence[ShardFile], whose: str, columns: Sequence[str] | None) -> pa.Table:
    parts = []
    for file in files:
        path = folder / file.index
        if not path.is_file() or sha256_of(path) != file.index_sha256:
            raise UsageError(f"{whose}{path} is not the index that its manifest names; copy or make it again")
        known = columns if columns is None else [name for name in columns if name in pq.read_schema(path).names]
        parts.append(pq.read_table(path, columns=known))
    return pa.concat_tables(parts).combine_chunks()


def with_tars(table: pa.Table, prefix: str, files: Sequence[ShardFile]) -> pa.Table:
    """The table with a field `tar` in its members, where it has members.

    Args:
        table: all rows of a split.
        prefix: of the path of a tar, below the shard folder.
        files: the shards of the split.
    """
    if "members" not in table.column_names:
        return table
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
    """The table with an overlay's members behind its own, and masks that tell of both.

    What a sample has already stays as it is: of two overlays that bring its sound, the first does.
    """
    present, added = (t["present"].to_numpy().astype(np.uint8) for t in (table, over))
    new = added & ~present & np.uint8(bit_mask(tuple(modalities)))
    if not np.array_equal(new, added):
        over = _without_the_rest(over, new)
    for name in ("state", "reason"):
        if name in table.column_names:
            values, theirs = codes(table[name]).copy(), codes(over[name])
            for modality in modalities:
                lacking = (present >> modality.bit & 1) == 0
                values[lacking, modality.bit] = theirs[lacking, modality.bit]
            table = _put(table, name, fives(values))
    for modality in modalities:
        mine = pa.array((new >> modality.bit & 1).astype(bool))
        for name in (name for name in _GEOMETRY[modality] if name in table.column_names):
            table = _put(table, name, pc.if_else(mine, over[name].combine_chunks(), table[name].combine_chunks()))
    table = _put(table, "present", pa.array(present | new))
    if "cost" in table.column_names:
        table = _put(table, "cost", pc.add(table["cost"], over["cost"]))
    for name in ("members", "assets"):
        if name in table.column_names:
            table = _put(table, name, _behind(table[name].combine_chunks(), over[name].combine_chunks()))
    return table


def _without_the_rest(over: pa.Table, new: npt.NDArray[np.uint8]) -> pa.Table:
    """What an overlay brings, only of these modalities of each sample."""
    if "members" not in over.column_names:
        return over
    members = over["members"].combine_chunks()
    flat = members.flatten()
    row = np.repeat(np.arange(len(members)), members.value_lengths().to_numpy())
    bit = pc.index_in(flat.field("modality"), value_set=pa.array([m.value for m in MODALITIES])).to_numpy()
    keep = (new[row] >> bit & 1).astype(bool)
    offsets = _offsets(np.bincount(row[keep], minlength=len(members)))
    for name in ("members", "assets"):
        if name in over.column_names:
            kept = over[name].combine_chunks().flatten().filter(pa.array(keep))
            over = _put(over, name, pa.ListArray.from_arrays(offsets, kept))
    if "cost" in over.column_names:
        costs = np.bincount(row[keep], flat.field("cost").to_numpy()[keep], len(members))
        over = _put(over, "cost", pa.array(costs.astype(np.int64)))
    return over


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
    """The table with a column, of the type it has there already; that of members and of a user's columns may change."""
    at = table.schema.get_field_index(name)
    if at < 0:
        return table.append_column(name, values)
    field = table.schema.field(at)
    if name == "members" or name not in schema.law("shard_index").names:
        return table.set_column(at, field.with_type(values.type), values)
    return table.set_column(at, field, values.cast(field.type))
