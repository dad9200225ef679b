"""Members → arrays at the sizes one network takes.

Pictures and frames become squares by a plain resize: every pixel shows the product and none is padding; the aspect
ratio is lost. They are decoded at reduced scale first, so the resize is a factor below two and linear sampling does.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Final

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
import soundfile

from m5tools.loader.view import RECORD
from m5tools.media import image
from m5tools.media.guard import DecodeError, guarded
from m5tools.vocabulary import Modality, Reason

SAMPLE_RATE: Final = 16_000

Array = npt.NDArray[np.uint8] | npt.NDArray[np.int16]


class _Attribute(msgspec.Struct):
    name: str
    value: str


class Record(msgspec.Struct):
    """What a batch takes from the JSON member."""

    title: str | None
    description: str | None
    attributes: list[_Attribute]

    def strings(self, modality: Modality) -> list[str]:
        """Text: title, description; table: name, value, name, value …"""
        if modality is Modality.TEXT:
            return [text for text in (self.title, self.description) if text]
        return [part for pair in self.attributes for part in (pair.name, pair.value)]


@dataclass(frozen=True)
class Decoder:
    """Turns bytes into arrays.

    Attributes:
        image_size: pixels a side of pictures and frames.
        max_audio_seconds: sounds are cut to this length.
    """

    image_size: int
    max_audio_seconds: float

    def __call__(self, kind: int, data: memoryview) -> Array | Record:
        """Decode one member.

        Args:
            kind: of the member, as in :attr:`m5tools.loader.view.View.kind`.
            data: its bytes.

        Returns:
            uint8 `[3, S, S]` for a picture or frame, int16 `[n]` for a sound, else the record.

        Raises:
            DecodeError: the bytes are not what the index says they hold.
        """
        if kind == RECORD:
            return self._record(data)
        return self._sound(bytes(data)) if kind == Modality.AUDIO.bit else self._square(bytes(data))

    def _square(self, data: bytes) -> npt.NDArray[np.uint8]:
        side = self.image_size
        rgb = cv2.resize(image.decode(data, at_least=side).rgb, (side, side), interpolation=cv2.INTER_LINEAR)
        return np.asarray(rgb, np.uint8).transpose(2, 0, 1)

    def _sound(self, data: bytes) -> npt.NDArray[np.int16]:
        with guarded(data):
            frames = int(self.max_audio_seconds * SAMPLE_RATE)
            samples: npt.NDArray[np.int16] = soundfile.read(io.BytesIO(data), frames, dtype="int16")[0]
            return samples

    @staticmethod
    def _record(data: memoryview) -> Record:
        try:
            return msgspec.json.decode(data, type=Record)
        except msgspec.MsgspecError as error:
            raise DecodeError(Reason.UNDECODABLE, str(error)) from error
