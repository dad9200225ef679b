"""Rows of a view → a batch: read, decode in threads, lay end to end. Runs in the loader's worker processes.

This is a map-style dataset whose item is a whole batch (`__getitems__`), so that one batch crosses to the trainer as a
few large tensors and any row can be had at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from m5tools.loader.batch import Batch
from m5tools.loader.cache import NodeCache
from m5tools.loader.crew import Crew
from m5tools.loader.decode import Decoder
from m5tools.loader.files import Files, kept_whole, places
from m5tools.loader.pack import Packing, Wanted
from m5tools.loader.quarantine import BadSample
from m5tools.loader.read import read
from m5tools.loader.slots import PADDING, Slots
from m5tools.loader.view import RECORD, View
from m5tools.store import is_remote
from m5tools.vocabulary import Modality, Reason

_AWAY = (Reason.MISSING_FILE, Reason.CONNECTION_ERROR)
"""Not reached, which says nothing about the sample: it is tried again."""


@dataclass(frozen=True)
class Limits:
    """How much of a sample is delivered.

    Attributes:
        images, frames: pictures, and frames of the clip, from the first on.
    """

    images: int
    frames: int


class Samples(Dataset[Batch]):
    """The samples of a view, by row.

    Args:
        view: what there is.
        decoder: bytes → arrays.
        limits: how much of each.
        threads: decoding threads.
        cache: where whole shards of an object store are kept; None = ask for what is wanted only.
    """

    def __init__(
        self, view: View, decoder: Decoder, limits: Limits, threads: int, cache: NodeCache | None = None
    ) -> None:
        self.view = view
        self.decoder = decoder
        self.limits = limits
        self.crew = Crew(threads)
        self.files = self._files(cache)
        self._bad: dict[int, list[BadSample]] = {}

    def _files(self, cache: NodeCache | None) -> Files:
        view, where = self.view, places(self.view.folder, self.view.shards)
        remote = np.array([is_remote(place) for place in where], bool)
        if cache is None or not remote.any():
            return Files(where)
        wanted = self.wanted(np.arange(len(view)))
        tars = view.tars(view.shard[wanted.sample], wanted.number)
        share = np.bincount(tars, view.length[wanted.number], len(where)).astype(np.int64)
        return Files(where, kept_whole(share, np.where(remote, view.size, 0), cache.limit), cache)

    def __len__(self) -> int:
        return len(self.view)

    def cost(self) -> npt.NDArray[np.float32]:
        """float32 `[N]`: what each sample costs to decode, in the unit of :attr:`View.cost`."""
        return self._summed(self.view.cost).astype(np.float32)

    def size(self) -> npt.NDArray[np.int64]:
        """int64 `[N]`: bytes of the members that each sample delivers."""
        return self._summed(self.view.length).astype(np.int64)

    def _summed(self, column: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        wanted = self.wanted(np.arange(len(self)))
        return np.asarray(np.bincount(wanted.sample, column[wanted.number], len(self)), np.float64)

    def __getitem__(self, row: int) -> Batch:
        """One sample, as a batch of one."""
        return self.__getitems__(Slots.of([row]))[0]

    def __getitems__(self, slots: Slots) -> tuple[Batch, list[BadSample]]:
        """The batch of these slots, and what was found unreadable on the way.

        A slot whose sample is unreadable takes its next stand-in; every other slot stays as it is. Samples whose bytes
        are wrong are not tried again by this process; those that could not be reached are.
        """
        found = [fault for row in slots.rows.tolist() for fault in self._bad.get(row, ())]
        bad = set(self._bad)
        rows = slots.without(bad)
        while True:
            batch, faults = self._read(rows)
            found += faults
            bad.update(self._lost(batch, rows, faults))
            better = slots.without(bad)
            if np.array_equal(better, rows):
                replaced = torch.from_numpy(rows != slots.rows)
                return replace(batch, seeds=torch.from_numpy(slots.seeds), stand_in=replaced), found
            rows = better

    def _lost(self, batch: Batch, rows: npt.NDArray[np.int64], faults: list[BadSample]) -> list[int]:
        """The unreadable rows of a batch; those whose bytes are wrong are remembered."""
        lost = np.flatnonzero(~batch.valid.numpy() & (rows != PADDING)).tolist()
        for place in lost:
            mine = [fault for fault in faults if fault.product_id == batch.ids[place]]
            if all(fault.reason not in _AWAY for fault in mine):
                self._bad[int(rows[place])] = mine
        return [int(rows[place]) for place in lost]

    def _read(self, chosen: npt.NDArray[np.int64]) -> tuple[Batch, list[BadSample]]:
        """The batch of these rows (:data:`PADDING` for none), and what in it was unreadable."""
        wanted = self.wanted(chosen)
        shard = self.view.shard[chosen[wanted.sample]]
        packing = Packing(self.view, chosen, wanted, self.decoder)
        self.crew.each(packing.take, read(self.view, self.files, shard, wanted.number))
        return packing.batch()

    def wanted(self, rows: npt.NDArray[np.int64]) -> Wanted:
        """The members that these rows deliver under the view's masks and the limits."""
        view = self.view
        real = np.flatnonzero(rows != PADDING)
        first, behind = view.first[rows[real]], view.first[rows[real] + 1]
        counts = behind - first
        sample = np.repeat(real, counts)
        here = np.arange(len(sample))
        number = np.repeat(first - (np.cumsum(counts) - counts), counts) + here
        kind = view.kind[number]
        starts = np.ones(len(here), bool)
        starts[1:] = (sample[1:] != sample[:-1]) | (kind[1:] != kind[:-1])
        ordinal = here - np.maximum.accumulate(np.where(starts, here, 0))
        most = np.full(RECORD + 1, 1)
        most[Modality.IMAGE.bit], most[Modality.VIDEO.bit] = self.limits.images, self.limits.frames
        present = view.present[rows[sample]]
        told = present[:, Modality.TEXT.bit] | present[:, Modality.TABLE.bit]
        allowed = np.where(kind == RECORD, told, present[here, np.minimum(kind, RECORD - 1)])
        keep = allowed & (ordinal < most[kind])
        return Wanted(sample[keep], number[keep], kind[keep])


def as_it_is(batch: Any) -> Any:
    """The collate function: a batch arrives whole. It stands here, for a worker imports where it is from."""
    return batch
