from __future__ import annotations

from pathlib import Path

import pytest
import torch

from m5tools.loader.batch import IMAGENET_MEAN, IMAGENET_STD, Batch
from m5tools.loader.loader import Loader
from m5tools.vocabulary import MODALITIES, Modality


@pytest.fixture
def batch(folder: Path) -> Batch:
    (batch,) = Loader(folder, global_batch_size=25, image_size=8, max_images=3)
    return batch


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("most", [1, 2, 50, 20_000])
def test_a_rectangle_holds_the_first_elements_of_every_sample(batch: Batch, modality: Modality, most: int) -> None:
    part, dense = batch.part(modality), batch.dense(modality, most)
    assert dense.data.shape == (25, most, *part.data.shape[1:])
    assert dense.data.dtype == part.data.dtype
    for i in range(25):
        items = [item for row, item in zip(part.row.tolist(), part, strict=True) if row == i]
        wanted = torch.cat(items)[:most] if items else part.data[:0]
        assert torch.equal(dense.data[i, : len(wanted)], wanted)
        assert dense.mask[i].tolist() == [k < len(wanted) for k in range(most)]
        assert not dense.data[i, len(wanted) :].any()
    assert torch.equal(dense.mask[:, 0], batch.present[:, modality.bit])


def test_strings_are_padded_one_by_one(batch: Batch) -> None:
    whole = batch.text_padded(most=200)
    assert whole.data.shape == (len(batch.text), 200)
    for string, row, mask in zip(batch.text, whole.data, whole.mask, strict=True):
        assert torch.equal(row[mask], string)
    cut = batch.text_padded(Modality.TABLE, most=3)
    assert torch.equal(cut.data[0], whole.data.new_tensor(list(b"cap")))


def test_pictures_are_normalised(batch: Batch) -> None:
    ready = batch.images_normalised()
    pictures = batch.image.data.double() / 255
    for channel in range(3):
        wanted = (pictures[:, channel] - IMAGENET_MEAN[channel]) / IMAGENET_STD[channel]
        assert torch.allclose(ready[:, channel].double(), wanted, atol=1e-5)
    assert batch.images_normalised((0, 0, 0), (1, 1, 1), torch.bfloat16).dtype == torch.bfloat16


def test_views_are_made_where_the_batch_is(batch: Batch) -> None:
    assert batch.to("meta").images_normalised().device.type == "meta"


def test_nothing_makes_an_empty_rectangle(folder: Path) -> None:
    (batch,) = Loader(folder, global_batch_size=25, modalities=("text",), image_size=8)
    dense = batch.dense(Modality.VIDEO, 4)
    assert dense.data.shape == (25, 4, 3, 8, 8)
    assert not dense.mask.any()
    assert batch.images_normalised().shape == (0, 3, 8, 8)
    assert batch.text_padded(Modality.TABLE).data.shape == (0, 512)
