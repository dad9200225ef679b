from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest

from m5tools.loader.decode import Decoder
from m5tools.media import audio, image
from m5tools.media.guard import DecodeError
from m5tools.vocabulary import Modality, Reason

from ..conftest import REPOSITORY
from ..shards.shop import clip, picture, sound

DECODER = Decoder(image_size=20, max_audio_seconds=0.1, max_frames=2)


def square(data: bytes) -> Any:
    into = np.zeros((3, 20, 20), np.uint8)
    DECODER.picture(memoryview(data), into)
    return into


@pytest.mark.parametrize("shape", [(90, 60), (8, 8), (300, 10), (20, 20)])
def test_pictures_become_squares(shape: tuple[int, int]) -> None:
    data = picture(1, *shape)
    wanted = cv2.resize(image.decode(data, 20).rgb, (20, 20), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(square(data), wanted.transpose(2, 0, 1))


def test_a_frame_is_a_clip_of_one() -> None:
    frames = DECODER.frames(memoryview(picture(1)))
    assert frames.shape == (1, 3, 20, 20)
    assert np.array_equal(frames[0], square(picture(1)))


def test_a_film_gives_a_frame_a_second_up_to_the_limit() -> None:
    frames = DECODER.frames(memoryview(clip(0)))
    assert frames.shape == (2, 3, 20, 20)
    assert frames.dtype == np.uint8
    assert not np.array_equal(frames[0], frames[1]), "the block moves"


def test_sound_keeps_its_sixteen_bits() -> None:
    samples = audio.decode(sound(2)).samples
    decoded = DECODER.sound(audio.encode_flac(samples))
    assert decoded.dtype == np.int16
    assert decoded.shape == (1600,)
    assert np.abs(decoded / 32768 - samples[:1600]).max() < 1e-4


def test_a_sound_at_another_rate_is_brought_to_ours() -> None:
    decoded = DECODER.sound(sound(2, rate=22_050))
    assert decoded.dtype == np.int16
    assert decoded.shape == (1600,)
    assert np.abs(decoded / 32768 - audio.decode(sound(2), max_s=0.1).samples).max() < 1e-4
    other_rate = audio.encode_flac(audio.decode(sound(2), rate=8_000).samples, 8_000)
    assert DECODER.sound(other_rate).shape == (1600,), "the head of a FLAC tells its rate"


def test_record_gives_strings_in_order() -> None:
    pairs = [{"name": "colour", "value": "red", "unit": None}, {"name": "size", "value": "2 l", "unit": "l"}]
    body = {"title": "T", "description": "", "attributes": pairs, "brand": "unread"}
    record = DECODER.record(memoryview(json.dumps(body).encode()))
    assert record.strings(Modality.TEXT) == ["T"]
    assert record.strings(Modality.TABLE) == ["colour", "red", "size", "2 l"]


@pytest.mark.parametrize(
    ("decode", "data", "reason"),
    [
        (DECODER.record, b"{", Reason.UNDECODABLE),
        (DECODER.record, b'{"title": 3}', Reason.UNDECODABLE),
        (square, b"no picture at all", Reason.WRONG_TYPE),
        (square, picture(1)[:200], Reason.TRUNCATED),
        (DECODER.frames, picture(1)[:200], Reason.TRUNCATED),
        (DECODER.sound, b"fLaC and no more", Reason.UNDECODABLE),
    ],
)
def test_damage_leaves_as_a_reason(decode: Callable[[Any], Any], data: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(data if decode == DECODER.sound or decode is square else memoryview(data))
    assert caught.value.reason is reason


def test_threads_may_read_the_first_records_at_once() -> None:
    """In a process of its own, for where it fails it crashes; loading the module anew makes each record a first one."""
    program = """
import importlib, sys
from threading import Barrier, Thread
from m5tools.loader import decode
sys.setswitchinterval(1e-6)
data = memoryview(b'{"title": "A", "description": null, "attributes": [{"name": "b", "value": "c"}]}')
def first():
    together.wait()
    titles.append(decode.Decoder.record(data).title)
for _ in range(300):
    importlib.reload(decode)
    together, titles = Barrier(4), []
    threads = [Thread(target=first) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert titles == ["A"] * 4
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=REPOSITORY)
