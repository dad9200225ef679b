"""The members of samples as flat columns: what they hold and where their bytes are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from m5tools.loader.index_files import Indexes
from m5tools.loader.view import RECORD
from m5tools.shards.sound_index import parsed, within_tars
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
    behind: npt.NDArray[np.int32] | None = None

    @classmethod
    def read(cls, indexes: Indexes, rows: npt.NDArray[np.int64]) -> Members:
        """Those of some rows of a split.

        Args:
            indexes: of the split.
            rows: int64 `[N]`, ascending, numbered through the shards.

        Raises:
            UsageError: an index is not that of the manifest.
        """
        files = indexes.files
        ends = np.cumsum([file.samples for file in files])
        home = np.searchsorted(ends, rows, side="right")
        used = np.unique(home)
        several = indexes.members(used.tolist())
        unread = np.isin(np.arange(len(files)), used, invert=True)
        skipped = np.cumsum(np.where(unread, [file.samples for file in files], 0))
        found = cls._of(several)._take(rows - skipped[home])
        size = np.array([file.bytes for file in files], np.int64)
        tars = np.repeat(size[home], np.diff(found.first)) if len(files) else found.length
        with parsed(indexes.folder):
            within_tars(found.offset, found.length, tars)
        return found

    @classmethod
    def _of(cls, lists: Sequence[pa.ListArray]) -> Members:
        """Those of all samples of the given lists."""
        flat = [part.flatten() for part in lists] or [pa.array([], pa.struct([]))]
        counts = _end_to_end([pc.list_value_length(part) for part in lists], np.int64)
        names = _joined([part.field("name") for part in flat] if lists else [])
        known = bool(lists) and lists[0].type.value_type.get_field_index("cost") >= 0

        def column(name: str, dtype: Any) -> npt.NDArray[Any]:
            return _end_to_end([part.field(name) for part in flat] if lists else [], dtype)

        return cls(
            first=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]),
            kind=np.concatenate([np.zeros(0, np.uint8), *(_kinds(part.field("modality")) for part in flat if lists)]),
            name=names,
            cost=column("cost" if known else "length", np.float32),
            offset=column("offset", np.int64),
            length=column("length", np.int64),
            checksum=column("xxh3", np.uint64),
            timed=known,
        )

    def under(self, later: Members, behind: int) -> Members:
        """These, behind those of each sample what an overlay brings of what it lacks.

        Args:
            later: of the same samples, in the overlay's tars.
            behind: how many tars behind a sample's own that of the overlay is listed.
        """
        later = later._only(~_has(self)[later.sample, later.kind])
        ours = np.arange(len(self.kind)) + np.repeat(later.first[:-1], np.diff(self.first))
        theirs = np.arange(len(later.kind)) + np.repeat(self.first[1:], np.diff(later.first))
        order = np.argsort(np.concatenate([ours, theirs]))

        def both(mine: npt.NDArray[Any], others: npt.NDArray[Any]) -> npt.NDArray[Any]:
            return np.concatenate([mine, others])[order]

        columns = {name: both(getattr(self, name), getattr(later, name)) for name in _COLUMNS}
        before = np.zeros(len(self.kind), np.int32) if self.behind is None else self.behind
        timed = self.timed and later.timed
        return Members(
            first=self.first + later.first,
            name=_joined([self.name, later.name]).take(pa.array(order)),
            timed=timed,
            behind=both(before, np.full(len(later.kind), behind, np.int32)),
            **(columns if timed else columns | {"cost": columns["length"].astype(np.float32)}),
        )

    @property
    def sample(self) -> npt.NDArray[np.int64]:
        """int64 `[M]`: the sample of each member."""
        return np.repeat(np.arange(len(self.first) - 1), np.diff(self.first))

    def _only(self, wanted: npt.NDArray[np.bool_]) -> Members:
        """Those of the members, of all samples."""
        if wanted.all():
            return self
        counts = np.bincount(self.sample[wanted], minlength=len(self.first) - 1)
        number = np.flatnonzero(wanted)
        return replace(self._numbered(number), first=np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))

    def _take(self, samples: npt.NDArray[np.int64]) -> Members:
        """Those of some of the samples."""
        if len(samples) == len(self.first) - 1:
            return self
        counts = np.diff(self.first)[samples]
        first = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        number = np.arange(first[-1]) + np.repeat(self.first[samples] - first[:-1], counts)
        return replace(self._numbered(number), first=first)

    def _numbered(self, number: npt.NDArray[np.int64]) -> Members:
        columns = {name: getattr(self, name)[number] for name in _COLUMNS}
        return replace(self, name=self.name.take(pa.array(number)), **columns)


_COLUMNS: Final = ("kind", "cost", "offset", "length", "checksum")
_NAMES = pa.dictionary(pa.int32(), pa.string())


def _joined(names: Sequence[pa.DictionaryArray]) -> pa.DictionaryArray:
    return pa.chunked_array(names, _NAMES).unify_dictionaries().combine_chunks()


def _has(members: Members) -> npt.NDArray[np.bool_]:
    """bool `[N, 6]`: what each sample holds, of the modalities and :data:`RECORD`."""
    has = np.zeros((len(members.first) - 1, RECORD + 1), bool)
    has[members.sample, members.kind] = True
    return has


def _end_to_end(parts: Sequence[pa.Array], dtype: Any) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros(0, dtype), *(part.to_numpy(zero_copy_only=False) for part in parts)], dtype=dtype)


def _kinds(modality: pa.DictionaryArray) -> npt.NDArray[np.uint8]:
    """uint8: the place of each member's modality in the fixed order, RECORD for the JSON."""
    among = pa.array([m.value for m in MODALITIES])
    codes = np.asarray(pc.fill_null(pc.index_in(modality.dictionary, among), RECORD).to_numpy(), np.uint8)
    codes = np.append(codes, np.uint8(RECORD))  # what a null finds
    return np.asarray(codes[pc.fill_null(modality.indices, len(codes) - 1).to_numpy()])
