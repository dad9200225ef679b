"""What was decoded of a batch → its tensors: pictures lie where they were decoded to, the rest is laid end to end.

In a worker process pictures, frames and sounds are born in memory that the trainer sees, so handing them over copies
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch

from m5tools.loader.batch import Batch
from m5tools.loader.decode import Decoder, Record
from m5tools.loader.lending import empty
from m5tools.loader.quarantine import BadSample
from m5tools.loader.ragged import Ragged
from m5tools.loader.read import Payload
from m5tools.loader.slots import PADDING
from m5tools.loader.view import RECORD, View
from m5tools.media.guard import DecodeError
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

_PICTURE: Final = Modality.IMAGE.bit


@dataclass(frozen=True)
class Wanted:
    """The members to read for a batch, `K` of them, ordered by sample, then as they lie in it.

    Attributes:
        sample: int64 `[K]`, row of the batch.
        number: int64 `[K]`, which of the view's members.
        kind: uint8 `[K]`, as in the view.
    """

    sample: npt.NDArray[np.int64]
    number: npt.NDArray[np.int64]
    kind: npt.NDArray[np.uint8]


class Packing:
    """A batch that is being decoded; threads hand in members, in any order.

    Args:
        view: where they come from.
        rows: int64 `[B]`, the rows of the batch, PADDING for none.
        wanted: the members to come.
        decoder: bytes → arrays.
    """

    def __init__(self, view: View, rows: npt.NDArray[np.int64], wanted: Wanted, decoder: Decoder) -> None:
        self._view, self._rows, self._wanted, self._decoder = view, rows, wanted, decoder
        self._kinds = wanted.kind.tolist()
        is_picture = wanted.kind == _PICTURE
        self._slot = (np.cumsum(is_picture) - 1).tolist()
        self._pictures = empty((int(is_picture.sum()), 3, decoder.image_size, decoder.image_size), torch.uint8)
        self._into = self._pictures.numpy()
        self._decoded: list[Any] = [None] * len(self._kinds)

    def take(self, payload: Payload) -> None:
        """Decode a member to its place, or note why it cannot be."""
        place = payload.place
        self._decoded[place] = payload.reason if payload.reason is not Reason.NONE else self._decode(place, payload)

    def _decode(self, place: int, payload: Payload) -> Any:
        kind, data = self._kinds[place], payload.data
        try:
            if kind == _PICTURE:
                return self._decoder.picture(data, self._into[self._slot[place]])
            if kind == Modality.VIDEO.bit:
                return self._decoder.frames(data)
            return self._decoder.record(data) if kind == RECORD else self._decoder.sound(bytes(data))
        except DecodeError as error:
            return error.reason

    def batch(self) -> tuple[Batch, list[BadSample]]:
        """The batch, and what in it was unreadable; a sample of which any member is so delivers nothing."""
        view, rows, wanted = self._view, self._rows, self._wanted
        real = rows != PADDING
        present = view.present[rows] & real[:, None]
        state = np.where(real[:, None], view.state[rows], np.uint8(State.ABSENT))
        reason = np.where(real[:, None], view.reason[rows], np.uint8(Reason.NOT_LISTED))
        ids = [view.ids[row].as_py() if row != PADDING else "" for row in rows.tolist()]
        faults = [(k, found) for k, found in enumerate(self._decoded) if isinstance(found, Reason)]
        lost = {int(wanted.sample[k]): why for k, why in reversed(faults)}
        for row, why in lost.items():
            state[row, present[row]], reason[row, present[row]] = State.FAILED, why
            present[row] = False
        valid = real.copy()
        valid[list(lost)] = False
        items = self._items(valid, present)
        return Batch(
            ids=tuple(ids),
            valid=torch.from_numpy(valid),
            present=torch.from_numpy(present),
            stand_in=torch.zeros(len(rows), dtype=torch.bool),
            seeds=torch.zeros(len(rows), dtype=torch.int64),
            state=torch.from_numpy(state),
            reason=torch.from_numpy(reason),
            image=self._images(valid),
            text=_strings(items[Modality.TEXT]),
            table=_strings(items[Modality.TABLE]),
            video=_end_to_end(_clips(items[Modality.VIDEO]), self._into[:0]),
            audio=_end_to_end(items[Modality.AUDIO], np.zeros(0, np.int16)),
            category=torch.from_numpy(np.where(real, view.category[rows], -1)),
            cluster=torch.from_numpy(np.where(real, view.cluster[rows], -1)),
        ), [self._fault(ids, k, why) for k, why in faults]

    def _images(self, valid: npt.NDArray[np.bool_]) -> Ragged:
        row = self._wanted.sample[self._wanted.kind == _PICTURE]
        data, keep = self._pictures, valid[row]
        if not keep.all():
            row = row[keep]
            data = data[: len(row)]
            data.numpy()[:] = self._into[keep]
        return Ragged(data, torch.arange(len(row) + 1), torch.from_numpy(row))

    def _items(self, valid: npt.NDArray[np.bool_], present: npt.NDArray[np.bool_]) -> dict[Modality, list[Any]]:
        """(row, array or string) of everything but pictures, by modality."""
        items: dict[Modality, list[Any]] = {m: [] for m in MODALITIES}
        for row, kind, value in zip(self._wanted.sample.tolist(), self._kinds, self._decoded, strict=True):
            if value is None or not valid[row]:
                continue
            if isinstance(value, Record):
                for modality in (Modality.TEXT, Modality.TABLE):
                    if present[row, modality.bit]:
                        items[modality] += [(row, text.encode()) for text in value.strings(modality)]
            else:
                items[MODALITIES[kind]].append((row, value))
        return items

    def _fault(self, ids: Sequence[str], k: int, why: Reason) -> BadSample:
        view, sample, kind = self._view, int(self._wanted.sample[k]), self._kinds[k]
        member = self._wanted.number[k : k + 1]
        tar = view.tars(view.shard[self._rows[[sample]]], member)  # an overlay's, where that brought the member
        return BadSample(
            product_id=ids[sample],
            modality=None if kind == RECORD else MODALITIES[kind],
            shard=view.shards[int(tar[0])],
            member=view.name[int(member[0])].as_py(),
            reason=why,
        )


def _clips(frames: list[tuple[int, npt.NDArray[np.uint8]]]) -> list[tuple[int, npt.NDArray[np.uint8]]]:
    """Frames joined to one clip a sample; the frames of a sample follow each other."""
    clips: dict[int, list[npt.NDArray[np.uint8]]] = {}
    for row, frame in frames:
        clips.setdefault(row, []).append(frame)
    return [(row, several[0] if len(several) == 1 else np.concatenate(several)) for row, several in clips.items()]


def _end_to_end(items: list[tuple[int, npt.NDArray[Any]]], nothing: npt.NDArray[Any]) -> Ragged:
    """Arrays `(row, array)` as one; `nothing` gives shape and dtype."""
    lengths = [len(array) for _, array in items]
    data = empty((sum(lengths), *nothing.shape[1:]), torch.from_numpy(nothing).dtype)
    if items:
        np.concatenate([array for _, array in items], out=data.numpy())
    return Ragged(data, _offsets(lengths), _rows(items))


def _strings(items: list[tuple[int, bytes]]) -> Ragged:
    """UTF-8 strings `(row, bytes)` as one."""
    data = np.frombuffer(bytearray().join(text for _, text in items), np.uint8)
    return Ragged(torch.from_numpy(data), _offsets([len(text) for _, text in items]), _rows(items))


def _offsets(lengths: list[int]) -> torch.Tensor:
    return torch.from_numpy(np.cumsum(np.fromiter(chain((0,), lengths), np.int64, len(lengths) + 1)))


def _rows(items: Sequence[tuple[int, Any]]) -> torch.Tensor:
    return torch.tensor([row for row, _ in items], dtype=torch.int64)
