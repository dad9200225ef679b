from __future__ import annotations

import json

import numpy as np
import pytest

from m5tools.loader.catalog import RECORD
from m5tools.loader.decode import Decoder, Record
from m5tools.media import audio
from m5tools.media.guard import DecodeError
from m5tools.vocabulary import Modality, Reason

from ..shards.shop import picture, sound

DECODER = Decoder(image_size=20, max_audio_seconds=0.1)


@pytest.mark.parametrize("modality", [Modality.IMAGE, Modality.VIDEO])
@pytest.mark.parametrize("shape", [(90, 60), (8, 8), (300, 10)])
def test_pictures_become_squares(modality: Modality, shape: tuple[int, int]) -> None:
    square = DECODER(modality.bit, memoryview(picture(1, *shape)))
    assert isinstance(square, np.ndarray)
    assert square.shape == (3, 20, 20)
    assert square.dtype == np.uint8


def test_sound_keeps_its_sixteen_bits() -> None:
    samples = audio.decode(sound(2)).samples
    decoded = DECODER(Modality.AUDIO.bit, memoryview(audio.encode_flac(samples)))
    assert isinstance(decoded, np.ndarray)
    assert decoded.dtype == np.int16
    assert decoded.shape == (1600,)
    assert np.abs(decoded / 32768 - samples[:1600]).max() < 1e-4


def test_record_gives_strings_in_order() -> None:
    pairs = [{"name": "colour", "value": "red", "unit": None}, {"name": "size", "value": "2 l", "unit": "l"}]
    body = {"title": "T", "description": "", "attributes": pairs, "brand": "unread"}
    record = DECODER(RECORD, memoryview(json.dumps(body).encode()))
    assert isinstance(record, Record)
    assert record.strings(Modality.TEXT) == ["T"]
    assert record.strings(Modality.TABLE) == ["colour", "red", "size", "2 l"]


@pytest.mark.parametrize(
    ("kind", "data", "reason"),
    [
        (RECORD, b"{", Reason.UNDECODABLE),
        (RECORD, b'{"title": 3}', Reason.UNDECODABLE),
        (0, b"no picture at all", Reason.WRONG_TYPE),
        (0, picture(1)[:200], Reason.TRUNCATED),
        (4, b"fLaC and no more", Reason.UNDECODABLE),
    ],
)
def test_damage_leaves_as_a_reason(kind: int, data: bytes, reason: Reason) -> None:
    with pytest.raises(DecodeError) as caught:
        DECODER(kind, memoryview(data))
    assert caught.value.reason is reason
