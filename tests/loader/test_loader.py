from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
import torch

import m5tools
from m5tools.dataset import Dataset
from m5tools.errors import UsageError
from m5tools.loader.batch import Batch
from m5tools.loader.loader import Loader
from m5tools.media import image
from m5tools.vocabulary import MODALITIES, Modality, Reason, State

from ..shards.shop import KINDS, product_id


def one(folder: Path, kind: str, **options: object) -> Batch:
    """The first product of a kind, alone."""
    number = KINDS.index(kind)
    pid = product_id(number if number % 5 else number + 8)
    loader = Loader(folder, filter=pl.col("product_id") == pid, global_batch_size=1, **options)  # type: ignore[arg-type]
    (batch,) = loader
    assert batch.ids == (pid,)
    return batch


def sizes(batch: Batch) -> dict[str, tuple[int, int]]:
    """Items and length of every payload."""
    return {m.value: (len(batch.part(m)), len(batch.part(m).data)) for m in MODALITIES}


def test_a_full_product(folder: Path) -> None:
    batch = one(folder, "everything", image_size=16)
    assert batch.present.tolist() == [[True] * 5]
    assert batch.valid.tolist() == [True]
    assert batch.strings(Modality.TEXT) == [["Kettle 13 — größe “L”", "Boils.\n№ 13"]]
    assert batch.strings(Modality.TABLE) == [["capacity", "13 l", "colour", "red"]]
    assert batch.image.data.shape == (2, 3, 16, 16)
    assert batch.image.offsets.tolist() == [0, 1, 2]
    assert batch.video.data.shape == (3, 3, 16, 16)
    assert batch.video.offsets.tolist() == [0, 3]
    assert batch.audio.data.dtype == torch.int16
    assert batch.audio.data.shape == (8000,)
    assert batch.category.tolist() == [1]


def test_limits(folder: Path) -> None:
    batch = one(folder, "everything", max_images=1, max_frames=2, max_audio_seconds=0.25)
    assert sizes(batch)["image"] == (1, 1)
    assert sizes(batch)["video"] == (1, 2)
    assert sizes(batch)["audio"] == (1, 4000)


def test_pictures_are_the_stored_ones_resized(dataset: Dataset, folder: Path) -> None:
    batch = one(folder, "text picture", image_size=24)
    row = dataset.read("shard_index").row(by_predicate=pl.col("product_id") == batch.ids[0], named=True)
    member = row["members"][1]
    data = (folder / row["shard"]).read_bytes()[member["offset"] : member["offset"] + member["length"]]
    wanted = cv2.resize(image.decode(data, 24).rgb, (24, 24), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(batch.image.data[0].permute(1, 2, 0).numpy(), wanted)


@pytest.mark.parametrize("kind", ["text", "text picture", "table sound", "broken picture", "withheld text"])
def test_an_absent_modality_adds_no_data(folder: Path, kind: str) -> None:
    batch = one(folder, kind)
    for column, modality in enumerate(MODALITIES):
        items, length = sizes(batch)[modality.value]
        assert bool(batch.present[0, column]) == (items > 0) == (length > 0)
        assert (batch.state[0, column] == State.PRESENT) == (batch.reason[0, column] == Reason.NONE)
        assert bool(batch.present[0, column]) == (batch.state[0, column] == State.PRESENT)
    reasons = {
        "broken picture": (0, State.FAILED, Reason.TRUNCATED),
        "withheld text": (1, State.WITHHELD, Reason.POLICY),
    }
    if kind in reasons:
        column, state, reason = reasons[kind]
        assert (batch.state[0, column], batch.reason[0, column]) == (state, reason)


def test_modalities_not_asked_for(folder: Path) -> None:
    batch = one(folder, "everything", modalities=("audio", Modality.TABLE))
    assert batch.present.tolist() == [[False, False, True, False, True]]
    assert batch.state.tolist() == [[State.WITHHELD, State.WITHHELD, 0, State.WITHHELD, 0]]
    assert sizes(batch)["image"] == sizes(batch)["text"] == sizes(batch)["video"] == (0, 0)
    assert batch.image.data.shape == (0, 3, 64, 64)


def test_batches_do_not_depend_on_threads_and_company(folder: Path) -> None:
    """A sample is the same alone, in a batch, and with other threads."""
    alone = {b.ids[0]: b for b in Loader(folder, global_batch_size=1, threads=1)}
    (batch,) = Loader(folder, global_batch_size=25, threads=4)
    assert set(batch.ids) == alone.keys()
    for modality in MODALITIES:
        items = list(zip(batch.part(modality).row.tolist(), batch.part(modality), strict=True))
        for i, pid in enumerate(batch.ids):
            mine = [item for row, item in items if row == i]
            theirs = list(alone[pid].part(modality))
            assert len(mine) == len(theirs)
            assert all(torch.equal(a, b) for a, b in zip(mine, theirs, strict=True))


def test_an_evaluation_tail_is_padded_with_rows_that_are_not_valid(folder: Path) -> None:
    loader = Loader(folder, split="test", global_batch_size=5, drop_last=False, shuffle=False)
    first, last = loader
    assert len(loader) == 2
    assert first.valid.all()
    assert last.valid.tolist() == [True, True, False, False, False]
    assert last.ids[2:] == ("", "", "")
    assert not last.present[2:].any()
    assert last.category[2:].tolist() == last.cluster[2:].tolist() == [-1, -1, -1]
    assert (last.state[2:] == State.ABSENT).all()


def test_quarantine_without_faults_is_an_empty_table(folder: Path, tmp_path: Path) -> None:
    table = pq.read_table(Loader(folder, global_batch_size=5).write_quarantine(tmp_path))
    assert table.column_names == ["product_id", "modality", "shard", "member", "reason"]
    assert table.num_rows == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"global_batch_size": 6, "world_size": 4}, "multiple of 4"),
        ({"rank": 2, "world_size": 2}, "rank 2 of 2"),
        ({"global_batch_size": 0}, "makes no sense"),
        ({"max_images": 0}, "max_images is 0; it must be above 0"),
        ({"image_size": -1}, "image_size is -1"),
        ({"max_audio_seconds": 0}, "max_audio_seconds is 0"),
        ({"global_batch_size": 26}, "fewer than one batch of 26; lower global_batch_size, set drop_last=False"),
        ({"filter": pl.lit(False), "drop_last": False}, "0 samples of split 'train' are left"),
        ({"modalities": ("image", "smell")}, "no modality is called 'smell'"),
        ({"modalities": []}, "modalities names none, so batches would be empty; there are image, text"),
        (
            {"buckets": ["text"]},
            r"buckets is \['text'\]; it is one measure, 'text', or m5.Buckets\('text', window=64\)",
        ),
        ({"modalities": "image"}, r"a list of names: modalities=\['image'\]"),
        ({"filter": "band <> 'head'"}, r"is not an expression; for SQL: polars.sql_expr\(\"band <> 'head'\"\)"),
    ],
)
def test_refusals_name_the_remedy(folder: Path, options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Loader(folder, **options)  # type: ignore[arg-type]


def test_folders_that_are_no_parts_are_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="is not a Part; several folders are given as"):
        Loader([folder, folder], global_batch_size=4)  # type: ignore[list-item]


def test_loading_draws_nothing_from_the_trainers_random_numbers(folder: Path) -> None:
    torch.manual_seed(3)
    np.random.seed(3)
    wanted = torch.rand(1), np.random.rand(1)
    torch.manual_seed(3)
    np.random.seed(3)
    list(Loader(folder, global_batch_size=5))
    assert torch.equal(torch.rand(1), wanted[0])
    assert np.array_equal(np.random.rand(1), wanted[1])


def test_categories_are_those_of_the_whole_folder(folder: Path) -> None:
    for split in ("train", "test"):
        assert m5tools.Loader(folder, split=split, global_batch_size=2).categories == (
            "Home > Kettles",
            "Home > Lamps",
            "Toys",
        )
