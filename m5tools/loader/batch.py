"""A training batch of incomplete products: few flat tensors, and a mask that says what is there.

Only real data is stored. A product without video adds no zero frames: it adds nothing to `video.data`, and
`present[b, 3]` is False with its `state` and `reason` beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor

from m5tools.loader import lending, padded
from m5tools.loader.padded import Dense
from m5tools.loader.ragged import Ragged
from m5tools.vocabulary import Modality

IMAGENET_MEAN: Final = (0.485, 0.456, 0.406)
IMAGENET_STD: Final = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Batch:
    """One batch of `B` products.

    Attributes:
        ids: product ids, `B` strings of 32 hex digits.
        valid: bool `[B]`; False marks padding of an evaluation tail or an unreadable sample.
        stand_in: bool `[B]`; True where another sample came for one that is unreadable.
        seeds: int64 `[B]`, not negative, for augmentation: a function of (seed, epoch, place in the global order), the
            same on any number of ranks and workers.
        present: bool `[B, 5]` in the order image, text, table, video, audio.
        state: uint8 `[B, 5]`, codes of :class:`m5tools.vocabulary.State`.
        reason: uint8 `[B, 5]`, codes of :class:`m5tools.vocabulary.Reason`.
        image: items are pictures; data uint8 `[pictures, 3, S, S]` (RGB), offsets = 0..pictures.
        text: items are UTF-8 strings (title first, then description); data uint8 `[bytes]`.
        table: items alternate name, value, name, value …; data uint8 `[bytes]` of UTF-8.
        video: items are clips; data uint8 `[frames, 3, S, S]`, one frame a second.
        audio: items are clips; data int16 `[samples]`, mono, 16,000 Hz.
        category: int64 `[B]`, class number in the loader's `categories`, -1 when unknown.
        cluster: int64 `[B]`, number of the same-product cluster in the whole folder, -1 when it stands alone.
    """

    ids: tuple[str, ...]
    valid: Tensor
    stand_in: Tensor
    seeds: Tensor
    present: Tensor
    state: Tensor
    reason: Tensor
    image: Ragged
    text: Ragged
    table: Ragged
    video: Ragged
    audio: Ragged
    category: Tensor
    cluster: Tensor

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, modality: Modality) -> Ragged:
        """The ragged payload of one modality."""
        value: Ragged = getattr(self, modality.value)
        return value

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Batch:
        """The same batch on another device."""
        return self._map(lambda t: t.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Batch:
        """The same batch in page-locked memory (called by PyTorch's `DataLoader`)."""
        return self._map(lambda t: t.pin_memory())

    def strings(self, modality: Modality) -> list[list[str]]:
        """Text or table items as Python strings, one list a sample."""
        part = self.part(modality)
        raw = part.data.cpu().numpy().tobytes()
        bounds = part.offsets.tolist()
        out: list[list[str]] = [[] for _ in self.ids]
        for i, row in enumerate(part.row.tolist()):
            out[row].append(raw[bounds[i] : bounds[i + 1]].decode("utf-8"))
        return out

    def dense(self, modality: Modality, most: int) -> Dense:
        """One modality as a rectangle, on the device of the batch.

        Args:
            modality: image, video: `[B, most, 3, S, S]`; text, table: bytes `[B, most]`; audio: `[B, most]`.
            most: pictures, frames, bytes or sound samples of a product that are kept, from the first on.
        """
        return padded.dense(self.part(modality), len(self), most)

    def text_padded(self, modality: Modality = Modality.TEXT, most: int = 512) -> Dense:
        """Each string by itself, as UTF-8: uint8 `[strings, most]`; `text.row` says whose they are.

        Args:
            modality: text or table.
            most: bytes of a string that are kept.
        """
        return padded.by_item(self.part(modality), most)

    def images_normalised(
        self,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
        dtype: torch.dtype = torch.float32,
    ) -> Tensor:
        """Pictures `[pictures, 3, S, S]` as networks take them; `image.row` says whose they are.

        Args:
            mean: of each channel, for values in 0 … 1; torchvision's for ImageNet unless given.
            std: the same.
            dtype: of the result.
        """
        return padded.normalised(self.image.data, mean, std, dtype)

    def __reduce__(self) -> tuple[Any, ...]:
        """A batch of a worker crosses as one message; its large tensors stay where they are."""
        return _arrived, (tuple(vars(self._map(_packed)).values()),)

    def _map(self, move: Any) -> Batch:
        changed: dict[str, Any] = {}
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, Tensor | np.ndarray):
                changed[field.name] = move(value)
            elif isinstance(value, Ragged):
                changed[field.name] = Ragged(move(value.data), move(value.offsets), move(value.row))
        return replace(self, **changed)


def _packed(tensor: Tensor) -> Any:
    lent = lending.ticket(tensor)
    if lent is not None:
        return lent
    return tensor.numpy() if tensor.nbytes <= lending.SMALL and tensor.device.type == "cpu" else tensor


def _arrived(values: tuple[Any, ...]) -> Batch:
    return Batch(*values)._map(_unpacked)


def _unpacked(value: Any) -> Tensor:
    return value.redeem() if isinstance(value, lending.Ticket) else torch.as_tensor(value)
