"""Media at training size: pictures and frames as JPEG, sounds as 16 kHz mono FLAC; what fails leaves a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from m5tools.media import audio, image, source, video
from m5tools.media.guard import DecodeError
from m5tools.shards.writer import Member
from m5tools.stage import Work
from m5tools.vocabulary import Modality, Reason

SAMPLE_RATE: Final = 16_000


class Sizes(Protocol):
    """The part of the stage's config that decides how media are encoded."""

    @property
    def image_long_side(self) -> int: ...
    @property
    def image_quality(self) -> int: ...
    @property
    def max_frames(self) -> int: ...
    @property
    def max_audio_seconds(self) -> float: ...


@dataclass
class Encoded:
    """The media members of one sample.

    Attributes:
        members: pictures, then sound, then frames.
        failed: modalities of which a file could not be decoded, with the first such file's reason.
        tried: files tried.
        lost: files of those that failed.
    """

    members: list[Member] = field(default_factory=list)
    failed: dict[Modality, Reason] = field(default_factory=dict)
    tried: int = 0
    lost: int = 0


def encode(files: list[dict[str, Any]], sizes: Sizes, work: Work) -> Encoded:
    """Decode and re-encode the files of one sample.

    Args:
        files: modality, asset_id, uri, offset, length of each, in order.
        sizes: how large.
        work: names the item at hand, and the items that killed a worker before.
    """
    done = Encoded()
    for file in files:
        modality = Modality(file["modality"])
        number = sum(m.modality is modality for m in done.members)
        done.tried += 1
        try:
            if file["asset_id"] in work.blamed:
                raise DecodeError(work.blamed[file["asset_id"]], "it ended its worker twice")
            with work.item(file["asset_id"]):
                data = source.read(work.dataset.root, file["uri"], file["offset"], file["length"])
                done.members.extend(_ENCODERS[modality](data, number, sizes))
        except DecodeError as error:
            done.lost += 1
            done.failed.setdefault(modality, error.reason)
    return done


def _picture(data: bytes, number: int, sizes: Sizes) -> Iterator[Member]:
    rgb = image.fit(image.decode(data, at_least=sizes.image_long_side).rgb, sizes.image_long_side)
    yield _jpeg(Modality.IMAGE, number, rgb, sizes)


def _frames(data: bytes, number: int, sizes: Sizes) -> Iterator[Member]:
    clip = video.decode(data, every_s=1.0, max_frames=sizes.max_frames, long_side=sizes.image_long_side)
    for k, frame in enumerate(clip.frames, start=number):
        yield _jpeg(Modality.VIDEO, k, frame, sizes, duration_s=1.0)


def _jpeg(modality: Modality, number: int, rgb: image.Rgb, sizes: Sizes, duration_s: float | None = None) -> Member:
    height, width = rgb.shape[:2]
    data = image.encode_jpeg(rgb, sizes.image_quality)
    return Member(f"{modality}_{number}.jpg", modality, data, width, height, duration_s)


def _sound(data: bytes, number: int, sizes: Sizes) -> Iterator[Member]:
    samples = audio.decode(data, rate=SAMPLE_RATE, max_s=sizes.max_audio_seconds).samples
    flac = audio.encode_flac(samples, SAMPLE_RATE)
    yield Member(f"{Modality.AUDIO}_{number}.flac", Modality.AUDIO, flac, duration_s=len(samples) / SAMPLE_RATE)


_ENCODERS: Final[dict[Modality, Callable[[bytes, int, Sizes], Iterator[Member]]]] = {
    Modality.IMAGE: _picture,
    Modality.AUDIO: _sound,
    Modality.VIDEO: _frames,
}
