"""The members of samples as flat columns: what they hold and where their bytes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.loader import index_files
from m5tools.loader.view import RECORD
from m5tools.shards.manifest import ShardFile
from m5tools.vocabulary import MODALITIES


@dataclass(frozen=True, eq=False)
class Members:
    """The `M` members of `N` samples; the columns are those of :class:`m5tools.loader.view.View`."""

    first: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]
    name: pa.Array
    cost: npt.NDArray[np.float32]
    offset: npt.NDArray[np.int64]
    length: npt.NDArray[np.int64]
    checksum: npt.NDArray[np.uint64]
    timed: bool

    @classmethod
    def read(cls, folder: Path, files: Sequence[ShardFile], rows: npt.NDArray[np.int64]) -> Members:
        """Those of some rows of a split.

        Args:
            folder: the shard folder.
            files: the shards of the split.
            rows: int64 `[N]`, ascending, numbered through the shards.

        Raises:
            UsageError: an index is not that of the manifest.
        """
        ends = np.cumsum([file.samples for file in files])
        home = np.searchsorted(ends, rows, side="right")
        used = np.unique(home)
        several = index_files.members(folder, [files[i] for i in used.tolist()])
        unread = np.isin(np.arange(len(files)), used, invert=True)
        skipped = np.cumsum(np.where(unread, [file.samples for file in files], 0))
        found = cls._of(several)
        return found._take(rows - skipped[home])

    @classmethod
    def _of(cls, lists: Sequence[pa.ListArray]) -> Members:
        """Those of all samples of the given lists."""
        flat = [part.flatten() for part in lists] or [pa.array([], pa.struct([]))]
        counts = _end_to_end([pc.list_value_length(part) for part in lists], np.int64)
        names = pa.chunked_array([part.field("name") for part in flat] if lists else [], _NAMES)
        known = bool(lists) and lists[0].type.value_type.get_field_index("cost") >= 0

        def column(name: str, dtype: Any) -> npt.NDArray[Any]:
            return _end_to_end([part.field(name) for part in flat] if lists else [], dtype)

        return cls(
            first=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            kind=np.concatenate([np.zeros(0, np.uint8), *(_kinds(part.field("modality")) for part in flat if lists)]),
            name=names.unify_dictionaries().combine_chunks(),
            cost=column("cost" if known else "length", np.float32),
            offset=column("offset", np.int64),
            length=column("length", np.int64),
            checksum=column("xxh3", np.uint64),
            timed=known,
        )

    def _take(self, samples: npt.NDArray[np.int64]) -> Members:
        """Those of some of the samples."""
        if len(samples) == len(self.first) - 1:
            return self
        counts = np.diff(self.first)[samples]
        first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        number = np.arange(first[-1]) + np.repeat(self.first[samples] - first[:-1], counts)
        columns = {name: getattr(self, name)[number] for name in ("kind", "cost", "offset", "length", "checksum")}
        return Members(first=first, name=self.name.take(pa.array(number)), timed=self.timed, **columns)


_NAMES = pa.dictionary(pa.int32(), pa.string())


def _end_to_end(parts: Sequence[pa.Array], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *(part.to_numpy(zero_copy_only=False) for part in parts)], dtype=dtype)


def _kinds(modality: pa.DictionaryArray) -> npt.NDArray[np.uint8]:
    """uint8: the place of each member's modality in the fixed order, RECORD for the JSON."""
    among = pa.array([m.value for m in MODALITIES])
    codes = np.asarray(pc.fill_null(pc.index_in(modality.dictionary, among), RECORD).to_numpy(), np.uint8)
    codes = np.append(codes, np.uint8(RECORD))  # what a null finds
    return np.asarray(codes[pc.fill_null(modality.indices, len(codes) - 1).to_numpy()])
