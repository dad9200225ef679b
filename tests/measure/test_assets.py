"""Every odd file of the public sets goes through the whole of measuring: a row for each, nothing escapes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.measure.assets import Depth, measure
from m5tools.stage import Work
from m5tools.vocabulary import Modality, State


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("modality", "folders", "files", "present"),
    [
        (Modality.IMAGE, ("odd_images_pillow", "exif_orientation"), 350, 315),
        (Modality.AUDIO, ("odd_audio_mutagen",), 48, 28),
        (Modality.VIDEO, ("moviepy_av", "torchcodec_av"), 13, 11),
    ],
)
def test_every_odd_file_gets_a_row(
    real_data: Path,
    make_dataset: Callable[..., Dataset],
    tmp_path: Path,
    modality: Modality,
    folders: tuple[str, ...],
    files: int,
    present: int,
) -> None:
    found = [f for name in folders for f in (real_data / name).rglob("*") if f.is_file() and f.suffix != ".md"]
    listed = pl.DataFrame(
        [
            {"asset_id": str(f), "modality": modality.value, "uri": str(f), "offset": 0, "length": f.stat().st_size}
            for f in sorted(found)
        ]
    )
    dataset = make_dataset({})
    counts = measure(modality, listed, "part", Depth(frames=4, sound_s=5.0), Work(dataset, tmp_path / "scratch"))
    rows = dataset.read(f"signals_{modality}")
    assert rows["asset_id"].to_list() == listed["asset_id"].to_list()
    outcomes = Counter(rows["state"])
    assert rows.height >= files
    assert outcomes[State.PRESENT] >= present
    assert counts["failed"] == outcomes[State.FAILED] == rows.height - outcomes[State.PRESENT]
    assert rows.filter(pl.col("state") == State.FAILED)["reason"].min() != 0
