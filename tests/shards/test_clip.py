"""Clips cut out of real films: decodable from the first frame on, no frame missing, the same bytes every time."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import av
import pytest

from m5tools.media import video
from m5tools.media.guard import DecodeError
from m5tools.shards.clip import _within, cut_out
from m5tools.vocabulary import Reason

from .shop import clip, sound

FILMS = {
    "mdn_video/rabbit320.mp4": ("mp4", "h264 with B-frames, key frames at 0 and 5 s"),
    "mdn_video/crystal.webm": ("mkv", "vp8, which MP4 does not hold"),
    "moviepy_av/no_duration.webm": ("mp4", "vp9, the container tells no length"),
    "torchcodec_av/av1_video.mkv": ("mp4", "av1"),
    "torchcodec_av/h265_video.mp4": ("mp4", "hevc"),
    "torchcodec_av/nasa_13013.mp4": ("mp4", "h264, key frames at 0 and 8.08 s"),
}


def times(data: bytes) -> list[float]:
    """When each frame is shown, in order."""
    with av.open(io.BytesIO(data)) as container:
        return [frame.time for frame in container.decode(video=0)]


@pytest.mark.real_data
@pytest.mark.parametrize("name", FILMS)
@pytest.mark.parametrize(("seconds", "start_s"), [(2.0, 0.0), (3.0, 6.0), (1000.0, 0.0)])
def test_a_clip_is_a_stretch_of_the_film(real_data: Path, name: str, seconds: float, start_s: float) -> None:
    film = (real_data / name).read_bytes()
    made = cut_out(film, seconds, start_s)
    assert made.suffix == FILMS[name][0]
    assert cut_out(film, seconds, start_s) == made
    whole, part = times(film), times(made.data)
    begin = max(
        t for t in whole if any(abs(t - whole[0] - key) < 0.01 for key in keys(film)) and t <= whole[0] + start_s
    )
    expected = [t - begin for t in whole if t >= begin][: len(part)]
    assert part == pytest.approx(expected, abs=0.011)  # Matroska counts milliseconds
    assert part[-1] < seconds
    behind = [t - begin for t in whole if t >= begin][len(part) :]
    assert not behind or behind[0] >= seconds - 0.2  # at most a group of B-frames is left out
    decoded = video.decode(made.data)
    assert (decoded.decodable, decoded.has_audio) == (1.0, False)
    assert decoded.duration_s == pytest.approx(made.duration_s, abs=0.1)


def keys(film: bytes) -> list[float]:
    """Times of the key frames, from the first on."""
    with av.open(io.BytesIO(film)) as container:
        shown = [float(p.pts * p.time_base) for p in container.demux(video=0) if p.size and p.is_keyframe]
    return [t - shown[0] for t in shown]


@pytest.mark.parametrize(
    ("shown", "kept"),
    [([0, 1, 2, 3], 4), ([0, 8, 4, 2, 6, 16, 12], 5), ([0, 8, 16, 4, 12], 1), ([0, 12, 4, 8], 1), ([], 0)],
)
def test_a_clip_ends_where_no_frame_is_missing(shown: list[int], kept: int) -> None:
    """Packets in the order in which they are decoded; a clip may last until 10."""
    packets = [SimpleNamespace(pts=time, dts=None, time_base=Fraction(1)) for time in shown]
    assert len(_within(packets, 10.0)) == kept


def test_the_index_of_an_mp4_lies_in_front() -> None:
    data = cut_out(clip(1), 2.0).data
    assert 0 < data.find(b"moov") < data.find(b"mdat")


@pytest.mark.parametrize(
    ("data", "reason"),
    [(b"", Reason.EMPTY), (sound(1), Reason.WRONG_TYPE), (clip(1)[:900], Reason.TRUNCATED),
     (b"\x1aE\xdf\xa3" + bytes(range(200)) * 20, Reason.UNDECODABLE)],
)  # fmt: skip
def test_what_is_no_film_gives_its_reason(data: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        cut_out(data, 2.0)
    assert caught.value.reason is reason
