from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from m5tools.shards.cost import RATES, estimate, kind_of
from m5tools.vocabulary import MODALITIES, Modality

JSON = len(MODALITIES)


@pytest.mark.parametrize(
    ("name", "modality", "kind"),
    [("json", JSON, "json"), ("image_0.jpg", Modality.IMAGE.bit, "jpg"), ("video_3.jpg", Modality.VIDEO.bit, "jpg"),
     ("image_0.png", Modality.IMAGE.bit, "picture"), ("video_0.mkv", Modality.VIDEO.bit, "clip"),
     ("audio_0.flac", Modality.AUDIO.bit, "flac"), ("audio_0.bin", Modality.AUDIO.bit, "sound")],
)  # fmt: skip
def test_what_a_member_is_decides_its_rate(name: str, modality: int, kind: str) -> None:
    assert kind_of(name, modality) == kind


def test_costs_add_up_what_the_index_knows() -> None:
    names = ["json", "image_0.jpg", "audio_0.flac", "video_0.mp4"]
    kinds = np.array([JSON, Modality.IMAGE.bit, Modality.AUDIO.bit, Modality.VIDEO.bit], np.uint8)
    lengths = np.array([2_000, 50_000, 9_000, 400_000], np.int64)
    width, height = pa.array([None, 500, None, 640], pa.int32()), pa.array([None, 400, None, 480], pa.int32())
    seconds = pa.array([None, None, 12.5, 4.0], pa.float32())
    expected = [
        RATES["json"].base_us + RATES["json"].byte_ns * 2,
        RATES["jpg"].base_us + RATES["jpg"].byte_ns * 50 + RATES["jpg"].pixel_ns * 200,
        RATES["flac"].base_us + RATES["flac"].second_us * 12.5,
        RATES["clip"].base_us + RATES["clip"].pixel_second_ns * 640 * 480 * 4 / 1e3,
    ]
    found = estimate(names, kinds, lengths, width, height, seconds)
    assert found.dtype == np.int32
    assert found.tolist() == [round(us) for us in expected]
