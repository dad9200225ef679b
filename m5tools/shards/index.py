"""The Parquet index of a shard: one row a sample, with the place and checksum of every member."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import xxhash

from m5tools import schema
from m5tools.shards.writer import Member, Place
from m5tools.vocabulary import MEDIA, MODALITIES, Modality, Reason, State


def row(
    sample: dict[str, Any], shard: str, members: Sequence[Member], place: Place, failed: dict[Modality, Reason]
) -> dict[str, Any]:
    """The index row of a sample that was just written.

    Args:
        sample: its gathered row (columns of the cut, and `tags`).
        shard: file name of the tar.
        members: what was written.
        place: where.
        failed: why a file of a modality could not be had; matters where nothing of that modality was written,
            which then leaves `present`.
    """
    present, state, reason = sample["present"], list(sample["state"]), list(sample["reason"])
    written = {member.modality for member in members}
    for modality in MEDIA:
        if present >> modality.bit & 1 and modality not in written:
            present &= ~(1 << modality.bit)
            state[modality.bit] = State.FAILED
            reason[modality.bit] = failed.get(modality, Reason.MISSING_FILE)
    return {
        "product_id": sample["product_id"],
        "shard": shard,
        "start": place.start,
        "end": place.end,
        "present": present,
        "state": [int(s) for s in state],
        "reason": [int(r) for r in reason],
        **{name: sample[name] for name in ("split", "category", "band", "cluster", "tags")},
        "members": [
            {
                "name": member.name,
                "modality": member.modality.value if member.modality else None,
                "offset": offset,
                "length": len(member.data),
                "width": member.width,
                "height": member.height,
                "duration_s": member.duration_s,
                "xxh3": xxhash.xxh3_64_intdigest(member.data),
            }
            for member, offset in zip(members, place.offsets, strict=True)
        ],
    }


def table(rows: list[dict[str, Any]]) -> pa.Table:
    """Index rows as a table under the law."""
    return pa.Table.from_pylist(rows, schema=schema.law("shard_index").schema)


def present_counts(index: pa.Table) -> dict[Modality, int]:
    """How many samples of an index have each modality."""
    masks = index["present"].to_numpy()
    return {m: int(((masks >> m.bit) & 1).sum()) for m in MODALITIES}
