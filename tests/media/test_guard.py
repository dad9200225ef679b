"""What a file is, and which reason its failure earns."""

from __future__ import annotations

import pickle
import struct
import zlib

import numpy as np
import pytest

from m5tools.media import audio, image, video
from m5tools.media.endings import is_cut
from m5tools.media.guard import DecodeError, Limits, NoSoundTrack, check, sniff
from m5tools.vocabulary import Modality, Reason

from .files import encoded, photo, sound_file, tone, video_file

PAGE = b"<!DOCTYPE html>\n<html><head><title>404 Not Found</title></head><body>gone</body></html>"
DECODERS = {Modality.IMAGE: image.decode, Modality.VIDEO: video.decode, Modality.AUDIO: audio.decode}


def reason_of(modality: Modality, data: bytes) -> Reason:
    with pytest.raises(DecodeError) as raised:
        DECODERS[modality](data)
    return raised.value.reason


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a hundred bytes whose header claims any size."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_pictures_are_known_by_their_bytes(kind: str) -> None:
    assert sniff(encoded(photo(64, 48), kind)[:4096]) == (Modality.IMAGE, f"image/{kind.lower()}")


@pytest.mark.parametrize(
    ("kind", "mime"), [("WAV", "wav"), ("FLAC", "flac"), ("OGG", "ogg"), ("MP3", "mpeg"), ("AIFF", "aiff")]
)
def test_sounds_are_known_by_their_bytes(kind: str, mime: str) -> None:
    assert sniff(sound_file(tone(), kind)[:4096]) == (Modality.AUDIO, f"audio/{mime}")


@pytest.mark.parametrize(
    ("kind", "mime"), [("mp4", "mp4"), ("webm", "webm"), ("avi", "x-msvideo"), ("mov", "quicktime")]
)
def test_videos_are_known_by_their_bytes(kind: str, mime: str) -> None:
    data = video_file([photo(64, 48)] * 3, kind=kind)
    assert sniff(data[:4096]) == (Modality.VIDEO, f"video/{mime}")


@pytest.mark.parametrize("brand", ["heic", "heix", "heim", "hevc", "mif1", "msf1", "avif"])
def test_photographs_of_telephones_are_pictures_whatever_their_brand(brand: str) -> None:
    head = b"\x00\x00\x00\x18ftyp" + brand.encode() + b"\x00\x00\x00\x00mif1heic"
    assert sniff(head)[0] is Modality.IMAGE


@pytest.mark.parametrize("start", ["<svg ", "<!-- by a program -->\n<svg ", "<!DOCTYPE svg PUBLIC '-//W3C'>\n<svg "])
def test_drawings_are_known_behind_a_comment(start: str) -> None:
    assert sniff(f"{start}width='9'></svg>".encode()) == (Modality.IMAGE, "image/svg+xml")
    assert sniff(f"<!-- a page -->\n<html><body>{start}".encode()) == (None, "text/html")


@pytest.mark.parametrize(
    ("head", "mime"),
    [
        (PAGE, "text/html"),
        ("sorry, this picture does not exist — nö".encode(), "text/plain"),
        (b'{"error": "not found", "code": 404}', "text/plain"),
        (b"Not Found", "text/plain"),
        (b"%PDF-1.7\n", "application/pdf"),
        (bytes(range(0, 250, 7)), "application/octet-stream"),
        (b"", "application/octet-stream"),
    ],
)
def test_what_is_no_medium_has_no_modality(head: bytes, mime: str) -> None:
    assert sniff(head) == (None, mime)


@pytest.mark.parametrize("modality", list(DECODERS))
def test_every_failure_has_its_reason(modality: Modality) -> None:
    assert reason_of(modality, b"") is Reason.EMPTY
    assert reason_of(modality, PAGE) is Reason.WRONG_TYPE
    assert reason_of(modality, bytes(range(255, 0, -1)) * 40) is Reason.UNDECODABLE


def test_another_modality_is_the_wrong_type() -> None:
    picture, clip, sound = encoded(photo(64, 48)), video_file([photo(64, 48)] * 3), sound_file(tone())
    assert reason_of(Modality.IMAGE, clip) is Reason.WRONG_TYPE
    assert reason_of(Modality.IMAGE, sound) is Reason.WRONG_TYPE
    assert reason_of(Modality.VIDEO, picture) is Reason.WRONG_TYPE
    assert reason_of(Modality.VIDEO, sound) is Reason.WRONG_TYPE
    assert reason_of(Modality.AUDIO, picture) is Reason.WRONG_TYPE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_picture_cut_off_is_truncated_not_shown_half(kind: str) -> None:
    whole = encoded(photo(320, 240), kind)
    reason = reason_of(Modality.IMAGE, whole[: len(whole) * 2 // 3])
    # WebP and TIFF keep no sign by which a cut can be told from damage.
    assert reason is Reason.TRUNCATED or (kind in ("WEBP", "TIFF") and reason is Reason.UNDECODABLE)


@pytest.mark.parametrize("kind", ["mp4", "webm", "avi"])
def test_a_video_cut_off_is_truncated(kind: str) -> None:
    whole = video_file([photo(160, 120, seed) for seed in range(20)], kind=kind)
    assert not is_cut(whole)
    assert reason_of(Modality.VIDEO, whole[: len(whole) * 2 // 3]) is Reason.TRUNCATED


@pytest.mark.parametrize("kind", ["WAV", "FLAC"])
def test_a_sound_cut_off_is_truncated(kind: str) -> None:
    whole = sound_file(tone(), kind)
    assert reason_of(Modality.AUDIO, whole[: len(whole) * 2 // 3]) is Reason.TRUNCATED


def test_a_streamed_wav_of_unknown_length_is_whole() -> None:
    data = bytearray(sound_file(tone()))
    data[4:8] = b"\xff\xff\xff\xff"
    assert not is_cut(bytes(data))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_small_file_that_claims_a_huge_picture_is_too_large() -> None:
    assert reason_of(Modality.IMAGE, png_claiming(60_000, 60_000)) is Reason.TOO_LARGE
    assert reason_of(Modality.IMAGE, png_claiming(10_001, 10_000)) is Reason.TOO_LARGE
    huge_jpeg = encoded(photo(64, 48)).replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 60_000, 60_000), 1)
    assert reason_of(Modality.IMAGE, huge_jpeg) is Reason.TOO_LARGE


def test_limits_are_obeyed() -> None:
    with pytest.raises(DecodeError, match="too_large"):
        check(b"\xff\xd8\xff" + bytes(100), Modality.IMAGE, Limits(bytes=50))
    with pytest.raises(DecodeError, match="too_large"):
        image.decode(encoded(photo(64, 48)), limits=Limits(pixels=64 * 48 - 1))
    with pytest.raises(DecodeError, match="too_large"):
        video.decode(video_file([photo(64, 48)] * 3), limits=Limits(pixels=64 * 48 - 1))
    assert len(audio.decode(sound_file(tone()), limits=Limits(samples=1000)).samples) == 1000


def test_errors_travel_between_processes() -> None:
    for error in (DecodeError(Reason.TRUNCATED, "cut"), NoSoundTrack()):
        copy = pickle.loads(pickle.dumps(error))
        assert (type(copy), copy.reason, copy.message) == (type(error), error.reason, error.message)


def test_noise_that_begins_like_subtitles_is_undecodable() -> None:
    noise = b"[" + np.random.default_rng(3).bytes(2_000)
    for decode in (video.decode, audio.decode):
        with pytest.raises(DecodeError) as caught:
            decode(noise)
        assert caught.value.reason is Reason.UNDECODABLE


def test_noise_behind_a_frame_of_mpeg_audio_is_no_silent_film() -> None:
    head = sound_file(tone(), "MP3")[:12]
    taken_for_h263 = (587, 1658, 1670, 1881)
    for seed in (*taken_for_h263, *range(100)):
        data = head + np.random.default_rng(seed).bytes(3_000)
        assert sniff(data) == (Modality.AUDIO, "audio/mpeg")
        assert reason_of(Modality.AUDIO, data) is Reason.UNDECODABLE
