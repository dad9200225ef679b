from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile

from m5tools.dataset import Dataset
from m5tools.media import image, video
from m5tools.media.guard import LIMITS, DecodeError
from m5tools.shards.config import Encoding
from m5tools.shards.encode import Encoder, File
from m5tools.shards.writer import Member, Stretch
from m5tools.stage import Work
from m5tools.vocabulary import Modality, Reason

from .shop import clip, picture, sound

SIZES = Encoding(image_long_side=40, max_frames=2, max_audio_seconds=0.25)
AsFile = Callable[..., File]


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Dataset(tmp_path), tmp_path)


@pytest.fixture
def as_file(work: Work) -> AsFile:
    def write(modality: Modality, data: bytes, mime: str, track: bool = False) -> File:
        """A file inside a pack, behind other bytes."""
        name = f"{len(list(work.dataset.root.iterdir()))}.pack"
        (work.dataset.root / name).write_bytes(b"before" + data + b"behind")
        asset_id = hashlib.sha256(data).hexdigest()
        return File(modality, track, asset_id, name, 6, len(data), mime, 90, 60, 3.0)

    return write


def facts(members: list[Member]) -> list[tuple[str, int | None, int | None, float | None]]:
    return [(m.name, m.width, m.height, m.duration_s) for m in members]


def test_sizes_and_formats(work: Work, as_file: AsFile) -> None:
    encoder = Encoder(SIZES, work)
    pictures = [
        *encoder.members(as_file(Modality.IMAGE, picture(1, 90, 60), "image/jpeg"), 0),
        *encoder.members(as_file(Modality.IMAGE, picture(2, 20, 30), "image/jpeg"), 1),
    ]
    assert facts(pictures) == [("image_0.jpg", 40, 27, None), ("image_1.jpg", 20, 30, None)]
    assert isinstance(pictures[0].data, bytes)
    assert image.decode(pictures[0].data).rgb.shape == (27, 40, 3)
    (heard,) = encoder.members(as_file(Modality.AUDIO, sound(1), "audio/wav"), 0)
    assert facts([heard]) == [("audio_0.flac", None, None, 0.25)]
    assert isinstance(heard.data, bytes)
    samples, rate = soundfile.read(io.BytesIO(heard.data), dtype="int16")
    assert (rate, samples.shape) == (16_000, (4000,))
    assert np.abs(samples).max() > 10_000
    film = as_file(Modality.VIDEO, clip(1), "video/mp4")
    assert facts([*encoder.members(film, 0)]) == [("video_0.jpg", 40, 30, 1.0), ("video_1.jpg", 40, 30, 1.0)]
    (track,) = encoder.members(film._replace(modality=Modality.AUDIO, track=True), 0)
    assert track.name == "audio_0.flac"


def test_a_clip_is_cut_out_without_sound_and_without_encoding(work: Work, as_file: AsFile) -> None:
    film = as_file(Modality.VIDEO, clip(1), "video/mp4")
    (member,) = Encoder(Encoding(video="clip", clip_seconds=2), work).members(film, 0)
    assert facts([member]) == [("video_0.mp4", 90, 60, 2.0)]
    assert isinstance(member.data, bytes)
    decoded = video.decode(member.data, every_s=0.1)
    assert (len(decoded.frames), decoded.duration_s, decoded.has_audio) == (10, 2.0, False)
    with av.open(io.BytesIO(clip(1))) as whole, av.open(io.BytesIO(member.data)) as part:
        first = [bytes(p) for p in whole.demux(video=0) if p.size][:10]
        assert [bytes(p) for p in part.demux(video=0) if p.size] == first


def test_untouched_media_are_named_by_what_they_are(work: Work, as_file: AsFile) -> None:
    encoder = Encoder(Encoding(media="untouched"), work)
    film = as_file(Modality.VIDEO, clip(1), "video/mp4")
    files = [
        as_file(Modality.IMAGE, picture(1), "image/jpeg"),
        as_file(Modality.IMAGE, b"PNG", "image/png"),
        as_file(Modality.IMAGE, b"?", "application/octet-stream"),
        as_file(Modality.AUDIO, sound(1), "audio/wav"),
        film,
    ]
    members = [member for k, file in enumerate(files) for member in encoder.members(file, k)]
    assert [m.name for m in members] == ["image_0.jpg", "image_1.png", "image_2.bin", "audio_3.wav", "video_4.mp4"]
    for member, file in zip(members, files, strict=True):
        assert member.data == Stretch(str(work.dataset.root / file.uri), 6, file.length, file.asset_id)
        assert (member.asset_id, member.width, member.duration_s) == (file.asset_id, 90, 3.0)
    (track,) = encoder.members(film._replace(modality=Modality.AUDIO, track=True), 0)
    assert track.name == "audio_0.flac"  # it has no bytes of its own
    (far,) = encoder.members(film._replace(uri="s3://bucket/crawl/film.mp4", offset=0), 0)
    assert far.data == Stretch("s3://bucket/crawl/film.mp4", 0, film.length, film.asset_id)


@pytest.mark.parametrize(
    ("media", "form", "expected"),
    [("encoded", None, "frames"), ("untouched", None, "untouched"), ("untouched", "clip", "clip"),
     ("encoded", "untouched", "untouched")],
)  # fmt: skip
def test_a_film_is_written_as_the_other_media_are_unless_told_otherwise(
    media: str, form: str | None, expected: str
) -> None:
    assert Encoding.model_validate({"media": media, "video": form}).video_form == expected


@pytest.mark.parametrize(
    ("data", "reason"), [(picture(1)[:300], Reason.TRUNCATED), (b"<html>no</html>  " * 9, Reason.WRONG_TYPE)]
)
def test_a_bad_picture_gives_its_reason(work: Work, as_file: AsFile, data: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        list(Encoder(SIZES, work).members(as_file(Modality.IMAGE, data, "image/jpeg"), 0))
    assert caught.value.reason is reason


def test_a_file_that_another_one_is_in_the_place_of_is_gone(work: Work, as_file: AsFile) -> None:
    file = as_file(Modality.IMAGE, picture(1), "image/jpeg")
    pack = work.dataset.root / file.uri
    encoder = Encoder(SIZES, work)
    encoder.members(file, 0)
    pack.write_bytes(pack.read_bytes().replace(picture(1), picture(2)[: file.length].ljust(file.length, b"\0")))
    with pytest.raises(DecodeError, match="holds other bytes than when it was fetched") as caught:
        encoder.members(file, 0)
    assert caught.value.reason is Reason.MISSING_FILE


def test_what_is_too_large_is_not_copied(work: Work, as_file: AsFile) -> None:
    file = as_file(Modality.IMAGE, picture(1), "image/jpeg")._replace(length=LIMITS.bytes + 1)
    with pytest.raises(DecodeError) as caught:
        list(Encoder(Encoding(media="untouched"), work).members(file, 0))
    assert caught.value.reason is Reason.TOO_LARGE


def test_what_killed_a_worker_twice_is_not_touched_again(work: Work, as_file: AsFile) -> None:
    file = as_file(Modality.IMAGE, picture(1), "image/jpeg")
    work.blamed[file.asset_id] = Reason.DECODER_CRASH
    with pytest.raises(DecodeError) as caught:
        list(Encoder(SIZES, work).members(file, 0))
    assert caught.value.reason is Reason.DECODER_CRASH
