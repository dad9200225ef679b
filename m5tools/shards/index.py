"""The Parquet index of a shard: one row a sample, with the place, checksum and cost of every member.

Rows are gathered column by column: a million dictionaries would take longer to make than the tar.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from m5tools import schema
from m5tools.shards.cost import estimate
from m5tools.shards.writer import Member, Place
from m5tools.vocabulary import MEDIA, MODALITIES, Modality, Reason, State

TOLD: Final = (
    *("split", "category", "band", "cluster", "tags"),
    *("coarse", "fine", "classification", "text_length"),
)
"""Columns that are known before the shard is written."""
_KINDS: Final[dict[Modality | None, int]] = {**{m: m.bit for m in MODALITIES}, None: len(MODALITIES)}
_WORDS: Final = (
    *(m.value for m in MODALITIES),
    None,
)  # no array yet: pyarrow's first one imports pandas, if it is there


class Index:
    """The index of one tar while the tar is written."""

    def __init__(self) -> None:
        self._start: list[int] = []
        self._first: list[int] = [0]
        self._end = 0
        self._failed: list[tuple[int, Modality, Reason]] = []
        self._written: list[tuple[Any, ...]] = []

    def begin(self, start: int) -> None:
        """A sample begins at a byte of the tar."""
        self._start.append(start)
        self._first.append(len(self._written))

    def add(self, member: Member, place: Place) -> None:
        """A member of the sample was written."""
        name, modality, _, asset_id, width, height, duration_s = member
        self._written.append((name, modality, asset_id, width, height, duration_s, *place))
        self._first[-1] += 1

    def fail(self, modality: Modality, reason: Reason) -> None:
        """A file of the sample could not be had; counts where nothing of its modality is written."""
        self._failed.append((len(self._start) - 1, modality, reason))

    def close(self, end: int) -> None:
        """The last sample ends at a byte of the tar."""
        self._end = end

    def table(self, samples: pa.Table, shard: str) -> pa.Table:
        """The index under its law.

        Args:
            samples: their gathered rows in order: `product_id`, `present`, `state`, `reason`, and those of :data:`TOLD`
                that are known.
            shard: file name of the tar.
        """
        written = [*zip(*self._written, strict=True)] or [()] * 9
        name, modality, asset = written[:3]
        kind = np.array([_KINDS[m] for m in modality], np.uint8)
        counts = np.asarray(np.diff(np.array(self._first, np.int64)), np.int64)
        row = np.repeat(np.arange(len(counts)), counts)
        width, height = pa.array(written[3], pa.int32()), pa.array(written[4], pa.int32())
        duration, length = pa.array(written[5], pa.float32()), np.array(written[7], np.int64)
        cost = estimate(name, kind, length, width, height, duration)
        present, state, reason = self._masks(samples, row, kind)
        offsets = pa.array(self._first, pa.int32())
        word = pa.array(_WORDS, pa.string()).take(pa.array(kind))
        members = pa.StructArray.from_arrays(
            [pa.array(name, pa.string()), word, pa.array(written[6], pa.int64()),
             pa.array(length), width, height, duration, pa.array(written[8], pa.uint64()), pa.array(cost)],
            names=["name", "modality", "offset", "length", "width", "height", "duration_s", "xxh3", "cost"],
        )  # fmt: skip
        columns: dict[str, Any] = {
            "product_id": samples["product_id"],
            "shard": pa.repeat(pa.scalar(shard), samples.num_rows),
            "start": pa.array(self._start, pa.int64()),
            "end": pa.array([*self._start[1:], self._end][: samples.num_rows], pa.int64()),
            "present": pa.array(present),
            "state": fives(state),
            "reason": fives(reason),
            **{name: samples[name] for name in TOLD if name in samples.column_names},
            **_geometry(len(counts), row, kind, width, height, duration),
            "cost": pa.array(np.bincount(row, cost, len(counts)).astype(np.int64), pa.int64()),
            "members": pa.ListArray.from_arrays(offsets, members),
            "assets": pa.ListArray.from_arrays(offsets, pa.array(asset, pa.string())),
        }
        return schema.conform("shard_index", pa.table(columns))

    def _masks(
        self, samples: pa.Table, row: npt.NDArray[np.int64], kind: npt.NDArray[np.uint8]
    ) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
        """`present`, and `state` and `reason` `[N, 5]`, after what could not be written has left them."""
        present = samples["present"].to_numpy().astype(np.uint8)
        state, reason = codes(samples["state"]).copy(), codes(samples["reason"]).copy()
        first: dict[tuple[int, Modality], Reason] = {}
        for at, modality, why in self._failed:
            first.setdefault((at, modality), why)
        for modality in MEDIA:
            written = np.zeros(len(present), bool)
            written[row[kind == modality.bit]] = True
            lost = (present >> modality.bit & 1).astype(bool) & ~written
            present[lost] &= 0xFF ^ (1 << modality.bit)
            state[lost, modality.bit] = State.FAILED
            for at in np.flatnonzero(lost).tolist():
                reason[at, modality.bit] = first.get((at, modality), Reason.MISSING_FILE)
        return present, state, reason


def _geometry(
    samples: int,
    row: npt.NDArray[np.int64],
    kind: npt.NDArray[np.uint8],
    width: pa.Array,
    height: pa.Array,
    duration: pa.Array,
) -> Mapping[str, pa.Array]:
    """Size of the first picture, frames and seconds of the clip, seconds of the sound; null where there is none."""
    at: dict[Modality, npt.NDArray[np.int64]] = {}
    for modality in MEDIA:
        at[modality] = np.full(samples, -1)
        mine = np.flatnonzero(kind == modality.bit)[::-1]
        at[modality][row[mine]] = mine  # the first is written last

    def of_first(values: pa.Array, modality: Modality) -> pa.Array:
        return values.take(pa.array(at[modality], mask=at[modality] < 0))

    clips = kind == Modality.VIDEO.bit
    seconds = np.bincount(row[clips], duration.to_numpy(zero_copy_only=False)[clips], samples).astype(np.float32)
    return {
        "image_width": of_first(width, Modality.IMAGE),
        "image_height": of_first(height, Modality.IMAGE),
        "video_s": pa.array(seconds, mask=at[Modality.VIDEO] < 0),
        "audio_s": of_first(duration, Modality.AUDIO),
    }


def codes(column: Any) -> npt.NDArray[np.uint8]:
    """uint8 `[N, 5]` of a column of lists of five."""
    lists = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(lists.flatten().to_numpy(), np.uint8).reshape(-1, len(MODALITIES))


def fives(values: npt.NDArray[np.uint8]) -> pa.Array:
    """The lists of five that :func:`codes` reads."""
    offsets = np.arange(0, values.size + 1, len(MODALITIES), dtype=np.int32)
    return pa.ListArray.from_arrays(offsets, pa.array(np.ascontiguousarray(values).reshape(-1)))


def present_counts(index: pa.Table) -> dict[Modality, int]:
    """How many samples of an index have each modality."""
    masks = index["present"].to_numpy()
    return {m: int(((masks >> m.bit) & 1).sum()) for m in MODALITIES}
