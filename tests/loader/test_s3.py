"""S3 over HTTP: a moto server that answers every fifth request with "slow down"."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from m5tools.loader.loader import Loader
from m5tools.vocabulary import MODALITIES

from ..moto_server import Served, moto_server


class EveryFifth:
    """Refuses every fifth request for something."""

    def __init__(self) -> None:
        self.asked = 0
        self.failed = 0

    def __call__(self, method: str, path: str) -> bool:
        if method not in ("GET", "HEAD"):
            return False
        self.asked += 1
        refused = self.asked % 5 == 0
        self.failed += refused
        return refused


@pytest.fixture
def s3(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """The shop's shards below `shards/` in a bucket."""
    with moto_server(monkeypatch) as served:
        served.fs().put(f"{folder}/", f"{served.bucket}/shards/", recursive=True)
        yield served


@pytest.mark.parametrize(("limit", "workers"), [(1, 0), (2**30, 0), (1, 2), (2**30, 2)])
def test_batches_are_those_of_the_local_folder(
    folder: Path, s3: Served, tmp_path: Path, limit: int, workers: int
) -> None:
    sizes: dict[str, Any] = {"global_batch_size": 5, "seed": 2, "image_size": 16}
    wanted = list(Loader(folder, **sizes))
    s3.refuses = failing = EveryFifth()
    loader = Loader(f"s3://{s3.bucket}/shards", cache=tmp_path / "cache", cache_bytes=limit, workers=workers, **sizes)
    got = list(loader)
    assert failing.failed > 2
    assert not loader.bad
    assert [b.ids for b in got] == [b.ids for b in wanted]
    for a, b in zip(got, wanted, strict=True):
        assert torch.equal(a.present, b.present)
        assert all(torch.equal(a.part(m).data, b.part(m).data) for m in MODALITIES)
    assert len(list((tmp_path / "cache").glob("*.shard"))) == (4 if limit > 1 else 0)
