"""Every odd file of the public sets goes through the whole of measuring and ends as it always did.

The outcomes are pinned in `odd_files.tsv`: modality, file, state, reason. Files whose end depends on FFmpeg's version
would show here first. To write the table anew, run this module: `python -m tests.measure.test_assets FOLDER`.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from m5tools.dataset import Dataset
from m5tools.measure.assets import Depth, measure
from m5tools.stage import Work
from m5tools.vocabulary import Modality, Reason, State

GOLDEN = Path(__file__).parent / "odd_files.tsv"
SETS = {
    Modality.IMAGE: ("odd_images_pillow", "exif_orientation", "perception_neardup"),
    Modality.AUDIO: ("odd_audio_mutagen", "torchcodec_av", "moviepy_av", "mdn_video"),
    Modality.VIDEO: ("torchcodec_av", "moviepy_av", "mdn_video", "perception_neardup"),
}
Outcome = tuple[str, str, str, str]


def outcomes(modality: Modality, root: Path, dataset: Dataset, scratch: Path) -> list[Outcome]:
    """Modality, file, state and reason of every file of the sets listed as `modality`."""
    found = (f for name in SETS[modality] for f in (root / name).rglob("*") if f.is_file() and f.suffix != ".md")
    listed = pl.DataFrame(
        [
            {
                "asset_id": f.relative_to(root).as_posix(),
                "modality": modality.value,
                "uri": str(f),
                "offset": 0,
                "length": f.stat().st_size,
            }
            for f in found
        ]
    ).sort("asset_id")
    counts = measure(modality, listed, "part", Depth(frames=8, sound_s=5.0), Work(dataset, scratch))
    rows = dataset.read(f"signals_{modality}", columns=["asset_id", "state", "reason"]).sort("asset_id")
    assert rows["asset_id"].to_list() == listed["asset_id"].to_list()
    assert counts["failed"] == (rows["state"] == State.FAILED).sum()
    return [(modality.value, name, State(s).word, Reason(r).word) for name, s, r in rows.iter_rows()]


@pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("modality", list(SETS))
def test_every_odd_file_ends_in_its_state_and_reason(
    real_data: Path, make_dataset: Callable[..., Dataset], tmp_path: Path, modality: Modality
) -> None:
    with GOLDEN.open(newline="") as file:
        golden = [tuple(row) for row in csv.reader(file, delimiter="\t") if row[0] == modality.value]
    assert outcomes(modality, real_data, make_dataset({}), tmp_path / "scratch") == golden


def test_the_table_holds_the_bombs_and_no_failure_without_a_reason() -> None:
    with GOLDEN.open(newline="") as file:
        rows = list(csv.reader(file, delimiter="\t"))
    ends = {name: (state, reason) for modality, name, state, reason in rows if modality == "image"}
    assert ends["odd_images_pillow/bmp/b/reallybig.bmp"] == ("failed", "too_large")
    assert ends["odd_images_pillow/decompression_bomb.gif"] == ("failed", "too_large")
    assert all((state == "present") == (reason == "none") for _, _, state, reason in rows)
    assert len(ends) >= 347 + 4 + 10


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as folder, GOLDEN.open("w", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        for each in SETS:
            writer.writerows(outcomes(each, Path(sys.argv[1]), Dataset(folder), Path(folder) / "scratch"))
