"""Shards on a local disk that are damaged while training runs: bad samples, and never another order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from m5tools.loader.loader import Loader
from m5tools.vocabulary import Reason


def cut(tar: Path) -> None:
    tar.write_bytes(tar.read_bytes()[:1000])


def flip(tar: Path) -> None:
    body = bytearray(tar.read_bytes())
    body[::500] = bytes(255 - b for b in body[::500])
    tar.write_bytes(body)


def shift(tar: Path) -> None:
    """As if the index were another's: all members lie elsewhere."""
    tar.write_bytes(bytes(512) + tar.read_bytes()[:-512])


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (cut, Reason.TRUNCATED),
        (Path.unlink, Reason.MISSING_FILE),
        (flip, Reason.UNDECODABLE),
        (shift, Reason.UNDECODABLE),
    ],
)
def test_only_samples_of_that_shard_are_lost(
    folder: Path, damage: Callable[[Path], None], reason: Reason, workers: int
) -> None:
    order = [b.ids for b in Loader(folder, global_batch_size=5, image_size=16, stand_ins=False)]
    options = {"stand_ins": False, "max_bad_share": 1.0}
    loader = Loader(folder, global_batch_size=5, image_size=16, workers=workers, **options)  # type: ignore[arg-type]
    tar = folder / "train-000001.tar"
    damage(tar)
    batches = list(loader)
    assert [b.ids for b in batches] == order
    assert {bad.shard for bad in loader.bad} == {tar.name}
    assert reason in {bad.reason for bad in loader.bad}
    lost = {pid for b in batches for pid, valid in zip(b.ids, b.valid.tolist(), strict=True) if not valid}
    assert lost == {bad.product_id for bad in loader.bad}
