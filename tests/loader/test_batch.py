from __future__ import annotations

from pathlib import Path

import torch

from m5tools.loader.loader import Loader
from m5tools.vocabulary import MODALITIES, Modality


def test_ragged_items_are_the_slices_between_offsets(folder: Path) -> None:
    (batch,) = Loader(folder, global_batch_size=25)
    for modality in MODALITIES:
        part = batch.part(modality)
        items = list(part)
        assert len(items) == len(part) > 0
        assert torch.equal(torch.cat(items), part.data)
        assert part.row.tolist() == sorted(part.row.tolist())
        assert set(part.row.tolist()) == set(torch.nonzero(batch.present[:, modality.bit]).flatten().tolist())


def test_to_moves_every_tensor_and_changes_none(folder: Path) -> None:
    (batch,) = Loader(folder, global_batch_size=25)
    moved = batch.to("meta")
    assert moved.ids == batch.ids
    assert {t.device.type for t in (moved.valid, moved.image.data, moved.text.offsets, moved.audio.row)} == {"meta"}
    copy = batch.to("cpu")
    assert torch.equal(copy.table.data, batch.table.data)
    assert copy.strings(Modality.TABLE) == batch.strings(Modality.TABLE)
