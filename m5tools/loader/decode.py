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

from m5tools.media import audio, image, video
from m5tools.media.guard import DecodeError, guarded, sniff
from m5tools.vocabulary import Modality, Reason

SAMPLE_RATE: Final = 16_000
_AS_STORED: Final = (SAMPLE_RATE << 4).to_bytes(3, "big")
"""Rate and mono in a FLAC's STREAMINFO (RFC 9639, 8.2): 20 bits of Hz, 3 bits of channels − 1, 1 bit of depth."""


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


# Made here, in one thread: msgspec looks into a Struct when it is first wanted, and crashes when several threads of a
# worker's first batch want it at once.
_record: Final = msgspec.json.Decoder(Record).decode


@dataclass(frozen=True)
class Decoder:
    """Turns bytes into arrays.

    Attributes:
        image_size: pixels a side of pictures and frames.
        max_audio_seconds: sounds are cut to this length.
        max_frames: frames of a clip, one a second from its start.
    """

    image_size: int
    max_audio_seconds: float
    max_frames: int = 4

    def frames(self, data: memoryview) -> npt.NDArray[np.uint8]:
        """Decode a frame, or a clip to one frame a second: uint8 `[frames, 3, S, S]`.

        Raises:
            DecodeError: the bytes are not what the index says they hold.
        """
        if sniff(bytes(data[:4096]))[0] is not Modality.VIDEO:
            one = np.empty((1, 3, self.image_size, self.image_size), np.uint8)
            self.picture(data, one[0])
            return one
        frames = video.decode(bytes(data), max_frames=self.max_frames, long_side=None).frames
        several = np.empty((len(frames), 3, self.image_size, self.image_size), np.uint8)
        for rgb, into in zip(frames, several, strict=True):
            self._square(rgb, into)
        return several

    def picture(self, data: memoryview, into: npt.NDArray[np.uint8]) -> None:
        """Decode a picture or frame to where it belongs in the batch.

        Args:
            data: its bytes.
            into: uint8 `[3, S, S]`, contiguous, RGB.

        Raises:
            DecodeError: the bytes are not what the index says they hold.
        """
        self._square(image.decode(bytes(data), at_least=self.image_size).rgb, into)

    def _square(self, rgb: npt.NDArray[np.uint8], into: npt.NDArray[np.uint8]) -> None:
        side = self.image_size
        if rgb.shape[:2] != (side, side):
            rgb = np.asarray(cv2.resize(rgb, (side, side), interpolation=cv2.INTER_LINEAR), np.uint8)
        cv2.split(rgb, list(into))

    def sound(self, data: bytes) -> npt.NDArray[np.int16]:
        """Decode a sound: int16 `[n]`, mono, 16,000 Hz.

        Raises:
            DecodeError: the bytes are not what the index says they hold.
        """
        if data[:4] == b"fLaC" and data[18:21] == _AS_STORED:
            with guarded(data):
                frames = int(self.max_audio_seconds * SAMPLE_RATE)
                samples: npt.NDArray[np.int16] = soundfile.read(io.BytesIO(data), frames, dtype="int16")[0]
                return samples
        wave = audio.decode(data, SAMPLE_RATE, self.max_audio_seconds).samples
        return np.clip(np.rint(wave * 32768), -32768, 32767).astype(np.int16)

    @staticmethod
    def record(data: memoryview) -> Record:
        """Decode the JSON member.

        Raises:
            DecodeError: the bytes are not what the index says they hold.
        """
        try:
            return _record(data)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(Reason.UNDECODABLE, str(error)) from error
