"""Vectors of splits, in memory or in mapped files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m5tools.errors import UsageError
from m5tools.scale.checkpoint import Trained, load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embed import embed
from m5tools.scale.train import train
from m5tools.tasks import gathered
from m5tools.tasks.gathered import Scratch, gather
from m5tools.vocabulary import MODALITIES, Modality

from ..scale.world import World


@pytest.fixture(scope="module")
def world() -> World:
    return World(60, seed=3)


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("run")
    train(TrainConfig(shards="world", out=out, steps=3, batch_size=16), products=world)
    return load(out)


def quiet(what: str, done: int, total: int) -> None:
    pass


@pytest.mark.parametrize("in_memory", [0, 1 << 30])
def test_it_is_what_embedding_gives(trained: Trained, world: World, tmp_path: Path, in_memory: int) -> None:
    told: list[tuple[str, int, int]] = []
    found = gather(trained, world, ["test", "val"], Scratch(tmp_path, in_memory), lambda *said: told.append(said))
    assert bool(list(tmp_path.glob("*.npy"))) == (in_memory == 0)
    listings = [*world.splits["test"], *world.splits["val"]]
    assert found.ids == tuple(x.id for x in listings)
    assert found.titles == tuple(x.texts[0] if x.present[1] else "" for x in listings)
    assert found.split.tolist() == [0] * len(world.splits["test"]) + [1] * len(world.splits["val"])
    one = embed(trained, world.open("test", MODALITIES, batch_size=64, shuffle=False, drop_last=False))
    here = slice(0, len(one))
    np.testing.assert_array_equal(found.z[:, here].transpose(1, 0, 2), one.z)
    np.testing.assert_array_equal(found.fused[here], one.fused)
    np.testing.assert_array_equal(found.present[here], one.present)
    assert told[0][0] == "embedding test"
    assert told[-1][1] == told[-1][2]


def test_masking_vectors_is_masking_the_product(
    trained: Trained, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a combination leaves of the vectors is what the network makes of products that never had the others."""
    monkeypatch.setattr(gathered, "_AT_ONCE", 5)
    found = gather(trained, world, ["test"], Scratch(tmp_path), quiet)
    shown = (Modality.IMAGE, Modality.TABLE)
    mask = found.present & np.array([m in shown for m in MODALITIES])
    vectors = np.zeros_like(found.fused)
    found.fuse_under(trained, mask, vectors)
    alone = embed(trained, world.open("test", shown, batch_size=7, shuffle=False, drop_last=False))
    rows = np.flatnonzero(mask.any(1))
    assert alone.ids == tuple(found.ids[i] for i in rows)
    np.testing.assert_allclose(vectors[rows], alone.fused, atol=1e-5)
    assert not vectors[~mask.any(1)].any()


def test_an_empty_split_is_named(trained: Trained, world: World, tmp_path: Path) -> None:
    empty = World(3, seed=1)
    empty.splits["test"] = []
    with pytest.raises(UsageError, match="the test split holds no usable product"):
        gather(trained, empty, ["test"], Scratch(tmp_path), quiet)
