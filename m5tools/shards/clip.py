"""A clip cut out of a film without encoding it again: its packets, from a key frame on, in a container of their own.

MP4 where it holds the codec, else Matroska (VP8, Theora …). An MP4 begins with its index (`faststart`), so that a
reader of a stream can start at once; FFmpeg's bit-exact mode keeps times, versions and random numbers out: equal films
give equal clips. The sound track stays behind: a cut may withhold it, and otherwise it is a member of its own.
"""

from __future__ import annotations

import io
import tempfile
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, Final

import av

from m5tools.media.guard import LIMITS, DecodeError, Limits, check, guarded, quiet
from m5tools.vocabulary import Modality, Reason

quiet()

_FORMATS: Final[tuple[tuple[str, str, dict[str, str]], ...]] = (
    ("mp4", "mp4", {"movflags": "+faststart"}),
    ("mkv", "matroska", {}),
)


@dataclass(frozen=True)
class Clip:
    """A clip.

    Attributes:
        data: the file.
        suffix: of its name: mp4 or mkv.
        duration_s: from its first frame to the end of its last, in seconds.
    """

    data: bytes
    suffix: str
    duration_s: float


def cut_out(data: bytes, seconds: float, start_s: float = 0.0, limits: Limits = LIMITS) -> Clip:
    """Copy the packets of the first video stream, from the last key frame at or before a time.

    Args:
        data: the whole film.
        seconds: how long the clip may be: every frame begins within this time.
        start_s: where it is to begin, in seconds from the first frame.
        limits: what it may cost.

    Raises:
        DecodeError: with the reason to record.
    """
    check(data, Modality.VIDEO, limits)
    with guarded(data), av.open(io.BytesIO(data), "r", metadata_errors="replace") as film:
        if not film.streams.video:
            raise DecodeError(Reason.WRONG_TYPE, "the container holds no video")
        stream = film.streams.video[0]
        packets = _within(_from_key_frame(film, stream, start_s, seconds), seconds)
        if not packets:
            raise DecodeError(Reason.UNDECODABLE, "no key frame")
        begin = min(map(_shown, packets))
        length = max(_shown(packet) + _lasts(packet, stream) for packet in packets) - begin
        return Clip(*_written(stream, packets, begin), duration_s=float(length))


def _from_key_frame(film: Any, stream: Any, start_s: float, seconds: float) -> list[Any]:
    """Packets from the last key frame at or before the start, in the order in which they are decoded."""
    kept: list[Any] = []
    wanted: Fraction | None = None
    for packet in film.demux(stream):
        if not packet.size or (packet.pts is None and packet.dts is None):
            continue
        shown = _shown(packet)
        wanted = shown + Fraction(start_s) if wanted is None else wanted
        if packet.is_keyframe and (not kept or shown <= wanted):
            kept = [packet]
        elif kept and _decoded(packet) > max(wanted, _shown(kept[0]) + Fraction(seconds)):
            break
        elif kept and shown > _shown(kept[0]):  # what is shown before the key frame needs frames before it
            kept.append(packet)
    return kept


def _within(packets: list[Any], seconds: float) -> list[Any]:
    """The longest beginning that is shown within the time, with no frame missing in between.

    A frame may need one that is shown later but decoded before it, so packets are not picked by when they are shown.
    """
    if not packets:
        return packets
    last = _shown(packets[0]) + Fraction(seconds)
    shown = [_shown(packet) for packet in packets]
    earliest_behind = [*shown[1:], last]
    for i in range(len(shown) - 2, -1, -1):
        earliest_behind[i] = min(earliest_behind[i], earliest_behind[i + 1])
    kept, latest = 1, shown[0]
    for i, time in enumerate(shown):
        latest = max(latest, time)
        if latest >= last:
            break
        if latest < earliest_behind[i]:
            kept = i + 1
    return packets[:kept]


def _written(stream: Any, packets: list[Any], begin: Fraction) -> tuple[bytes, str]:
    """The clip, and the suffix of the first container that holds its codec."""
    codec = stream.codec_context.codec.canonical_name
    shift = round(begin / stream.time_base)
    suffix, name, options = next(f for f in _FORMATS if f[0] == _FORMATS[-1][0] or codec in _codecs_of(f[1]))
    # Faststart moves what was written, so FFmpeg must be able to open the file a second time.
    with tempfile.NamedTemporaryFile(suffix=f".{suffix}") as file:
        with av.open(file.name, "w", format=name, options={"fflags": "+bitexact", **options}) as container:
            track = container.add_stream_from_template(stream, opaque=True)
            for packet in packets:
                packet.pts = None if packet.pts is None else packet.pts - shift
                packet.dts = None if packet.dts is None else packet.dts - shift
                packet.stream = track
                container.mux(packet)
        return Path(file.name).read_bytes(), suffix


@cache
def _codecs_of(container: str) -> frozenset[str]:
    """Names of the codecs that a container holds."""
    with av.open(io.BytesIO(), "w", format=container) as probe:
        return frozenset(probe.supported_codecs)


def _shown(packet: Any) -> Fraction:
    return Fraction((packet.pts if packet.pts is not None else packet.dts) * packet.time_base)


def _decoded(packet: Any) -> Fraction:
    return Fraction((packet.dts if packet.dts is not None else packet.pts) * packet.time_base)


def _lasts(packet: Any, stream: Any) -> Fraction:
    """How long a frame is shown."""
    if packet.duration:
        return Fraction(packet.duration * packet.time_base)
    return 1 / Fraction(stream.average_rate) if stream.average_rate else Fraction(0)
