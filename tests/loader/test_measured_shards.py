"""The folders that benchmarks of the loader make are shard folders, and the loader reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import loader_index, loader_shards
from m5tools.loader.catalog import Catalog
from m5tools.loader.loader import Loader


@pytest.mark.skipif(not loader_shards.DATA.is_dir(), reason="needs M5_REAL_DATA")
def test_real_pictures_under_their_own_bytes(tmp_path: Path) -> None:
    pictures = loader_shards.write(tmp_path / "shards", 16)
    loader = Loader(tmp_path / "shards", global_batch_size=8, image_size=16, modalities=["image"], stand_ins=False)
    batches = list(loader)
    assert len(pictures) == 16
    assert [len(batch.image) for batch in batches] == [8, 8]
    assert not loader.bad


def test_a_made_index_opens(tmp_path: Path) -> None:
    loader_index.make(tmp_path / "shards", 250, 100)
    assert len(Catalog.open(tmp_path / "shards", "train")) == 250
