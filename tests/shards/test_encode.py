from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from m5tools.dataset import Dataset
from m5tools.media import image
from m5tools.shards.encode import encode
from m5tools.shards.stage import ShardConfig
from m5tools.stage import Work
from m5tools.vocabulary import Modality, Reason

from .shop import clip, picture, sound

SIZES = ShardConfig(image_long_side=40, max_frames=2, max_audio_seconds=0.25)


@pytest.fixture
def work(tmp_path: Path) -> Work:
    return Work(Dataset(tmp_path), tmp_path)


def file(work: Work, modality: Modality, data: bytes, name: str) -> dict[str, Any]:
    """A file inside a pack, behind other bytes."""
    (work.dataset.root / name).write_bytes(b"before" + data + b"behind")
    return {"modality": modality.value, "asset_id": name, "uri": name, "offset": 6, "length": len(data)}


def test_sizes_and_formats(work: Work) -> None:
    clip_file = file(work, Modality.VIDEO, clip(1), "v")
    files = [
        file(work, Modality.IMAGE, picture(1, 90, 60), "a"),
        file(work, Modality.IMAGE, picture(2, 20, 30), "b"),
        file(work, Modality.AUDIO, sound(1), "s"),
        clip_file,
    ]
    done = encode(files, SIZES, work)
    assert [(m.name, m.width, m.height, m.duration_s) for m in done.members] == [
        ("image_0.jpg", 40, 27, None), ("image_1.jpg", 20, 30, None), ("audio_0.flac", None, None, 0.25),
        ("video_0.jpg", 40, 30, 1.0), ("video_1.jpg", 40, 30, 1.0),
    ]  # fmt: skip
    assert image.decode(done.members[0].data).rgb.shape == (27, 40, 3)
    samples, rate = soundfile.read(io.BytesIO(done.members[2].data), dtype="int16")
    assert (rate, samples.shape) == (16_000, (4000,))
    assert np.abs(samples).max() > 10_000
    assert (done.tried, done.lost, done.failed) == (4, 0, {})
    track = encode([{**clip_file, "modality": "audio"}], SIZES, work)
    assert [m.name for m in track.members] == ["audio_0.flac"]


def test_one_bad_picture_costs_itself_alone(work: Work) -> None:
    good = picture(1)
    files = [
        file(work, Modality.IMAGE, data, str(i)) for i, data in enumerate([good[:300], good, b"<html>no</html>  " * 9])
    ]
    done = encode(files, SIZES, work)
    assert [m.name for m in done.members] == ["image_0.jpg"]
    assert (done.tried, done.lost) == (3, 2)
    assert done.failed == {Modality.IMAGE: Reason.TRUNCATED}


def test_what_killed_a_worker_twice_is_not_touched_again(work: Work) -> None:
    work.blamed["a"] = Reason.DECODER_CRASH
    done = encode([file(work, Modality.IMAGE, picture(1), "a")], SIZES, work)
    assert done.members == []
    assert done.failed == {Modality.IMAGE: Reason.DECODER_CRASH}
