"""Rows of a view → a batch: read, decode in threads, lay end to end. Runs in the loader's worker processes.

This is a map-style dataset whose item is a whole batch (`__getitems__`), so that one batch crosses to the trainer as a
few large tensors and any row can be had at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.utils.data import Dataset

from m5tools.loader.batch import Batch, Ragged
from m5tools.loader.decode import Array, Decoder, Record
from m5tools.loader.quarantine import BadSample
from m5tools.loader.read import Files, Payload, read
from m5tools.loader.slots import PADDING, Slots
from m5tools.loader.view import RECORD, View
from m5tools.media.guard import DecodeError
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

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


@dataclass(frozen=True)
class _Wanted:
    """The members to read for a batch, `K` of them, ordered by sample, then as they lie in it.

    Attributes:
        sample: int64 `[K]`, row of the batch.
        number: int64 `[K]`, which of the view's members.
        kind: uint8 `[K]`.
    """

    sample: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]


class Samples(Dataset[Batch]):
    """The samples of a view, by row.

    Args:
        view: what there is.
        decoder: bytes → arrays.
        limits: how much of each.
        threads: decoding threads.
    """

    def __init__(self, view: View, decoder: Decoder, limits: Limits, threads: int) -> None:
        self.view = view
        self.decoder = decoder
        self.limits = limits
        self.threads = threads
        self.files = Files(view.folder, view.shards)
        self._bad: dict[int, list[BadSample]] = {}

    def __len__(self) -> int:
        return len(self.view)

    def cost(self) -> npt.NDArray[np.float32]:
        """float32 `[N]`: what each sample costs to decode, in the unit of :attr:`View.cost`."""
        return self._summed(self.view.cost).astype(np.float32)

    def size(self) -> npt.NDArray[np.int64]:
        """int64 `[N]`: bytes of the members that each sample delivers."""
        return self._summed(self.view.length).astype(np.int64)

    def _summed(self, column: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
        wanted = self._wanted(np.arange(len(self)))
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
        wanted = self._wanted(chosen)
        shard = self.view.shard[chosen[wanted.sample]]
        decoded: list[Array | Record | Reason] = [Reason.NONE] * len(wanted.number)
        payloads = read(self.view, self.files, shard, wanted.number)
        kinds = wanted.kind.tolist()

        def decode(payload: Payload) -> None:
            decoded[payload.place] = self._decode(kinds[payload.place], payload)

        self._each(decode, payloads)
        return self._batch(chosen, wanted, decoded)

    def _each(self, function: Callable[[Payload], None], payloads: Iterable[Payload]) -> None:
        """Call a function for each payload, in threads where there is more than one."""
        if self.threads <= 1:
            for payload in payloads:
                function(payload)
            return
        with ThreadPoolExecutor(self.threads) as pool:
            for _ in pool.map(function, payloads):
                pass

    def _decode(self, kind: int, payload: Payload) -> Array | Record | Reason:
        if payload.reason is not Reason.NONE:
            return payload.reason
        try:
            return self.decoder(kind, payload.data)
        except DecodeError as error:
            return error.reason

    def _wanted(self, rows: npt.NDArray[np.int64]) -> _Wanted:
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
        return _Wanted(sample[keep], number[keep], kind[keep])

    def _batch(
        self, rows: npt.NDArray[np.int64], wanted: _Wanted, decoded: list[Array | Record | Reason]
    ) -> tuple[Batch, list[BadSample]]:
        view = self.view
        real = rows != PADDING
        present = view.present[rows] & real[:, None]
        state = np.where(real[:, None], view.state[rows], np.uint8(State.ABSENT))
        reason = np.where(real[:, None], view.reason[rows], np.uint8(Reason.NOT_LISTED))
        ids = [view.ids[row].as_py() if row != PADDING else "" for row in rows.tolist()]
        faults = [(k, d) for k, d in enumerate(decoded) if isinstance(d, Reason)]
        bad = [self._fault(ids, rows, wanted, k, why) for k, why in faults]
        lost = {int(wanted.sample[k]): why for k, why in reversed(faults)}
        for row, why in lost.items():
            state[row, present[row]], reason[row, present[row]] = State.FAILED, why
            present[row] = False
        valid = real.copy()
        valid[list(lost)] = False
        items: dict[Modality, list[tuple[int, Any]]] = {m: [] for m in MODALITIES}
        for row, kind, value in zip(wanted.sample.tolist(), wanted.kind.tolist(), decoded, strict=True):
            if row in lost:
                continue
            if isinstance(value, Record):
                for modality in (Modality.TEXT, Modality.TABLE):
                    if present[row, modality.bit]:
                        items[modality] += [(row, _bytes(s)) for s in value.strings(modality)]
            else:
                items[MODALITIES[kind]].append((row, value))
        side = self.decoder.image_size
        flat = np.zeros(0, np.uint8)
        return Batch(
            ids=tuple(ids),
            valid=torch.from_numpy(valid),
            present=torch.from_numpy(present),
            stand_in=torch.zeros(len(rows), dtype=torch.bool),
            seeds=torch.zeros(len(rows), dtype=torch.int64),
            state=torch.from_numpy(state),
            reason=torch.from_numpy(reason),
            image=_ragged([(r, v[None]) for r, v in items[Modality.IMAGE]], np.zeros((0, 3, side, side), np.uint8)),
            text=_ragged(items[Modality.TEXT], flat),
            table=_ragged(items[Modality.TABLE], flat),
            video=_ragged(_clips(items[Modality.VIDEO]), np.zeros((0, 3, side, side), np.uint8)),
            audio=_ragged(items[Modality.AUDIO], np.zeros(0, np.int16)),
            category=torch.from_numpy(np.where(real, view.category[rows], -1)),
            cluster=torch.from_numpy(np.where(real, view.cluster[rows], -1)),
        ), bad

    def _fault(self, ids: list[str], rows: npt.NDArray[np.int64], wanted: _Wanted, k: int, why: Reason) -> BadSample:
        sample, number, kind = int(wanted.sample[k]), int(wanted.number[k]), int(wanted.kind[k])
        return BadSample(
            product_id=ids[sample],
            modality=None if kind == RECORD else MODALITIES[kind],
            shard=self.view.shards[self.view.shard[rows[sample]]],
            member=self.view.name[number].as_py(),
            reason=why,
        )


def _bytes(text: str) -> npt.NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)


def _clips(frames: list[tuple[int, npt.NDArray[np.uint8]]]) -> list[tuple[int, npt.NDArray[np.uint8]]]:
    """Frames stacked into one clip a sample; the frames of a sample follow each other."""
    clips: dict[int, list[npt.NDArray[np.uint8]]] = {}
    for row, frame in frames:
        clips.setdefault(row, []).append(frame)
    return [(row, np.stack(several)) for row, several in clips.items()]


def _ragged(items: list[tuple[int, npt.NDArray[Any]]], nothing: npt.NDArray[Any]) -> Ragged:
    """Items `(row, array)` end to end; `nothing` gives shape and dtype where there is no item."""
    lengths = np.array([len(array) for _, array in items], np.int64)
    return Ragged(
        data=torch.from_numpy(np.concatenate([array for _, array in items]) if items else nothing),
        offsets=torch.from_numpy(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])),
        row=torch.tensor([row for row, _ in items], dtype=torch.int64),
    )
