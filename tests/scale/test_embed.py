"""Embeddings of a split, whatever the batches."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m5tools.scale.checkpoint import Trained, load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embed import Embeddings, embed, fingerprint, fuse
from m5tools.scale.train import train
from m5tools.vocabulary import MODALITIES

from .world import World


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("run")
    train(TrainConfig(shards="world", out=out, steps=3, batch_size=16), products=world)
    return load(out)


def of(trained: Trained, world: World, size: int) -> Embeddings:
    loader = world.open("test", MODALITIES, batch_size=size, shuffle=False, drop_last=False)
    return embed(trained, loader)


def test_shapes_and_facts(trained: Trained, world: World) -> None:
    found = of(trained, world, 8)
    listings = world.splits["test"]
    assert found.ids == tuple(x.id for x in listings)
    assert found.z.shape == (len(listings), 5, 64)
    np.testing.assert_array_equal(found.present, [x.present for x in listings])
    np.testing.assert_array_equal(found.category, [x.category for x in listings])
    np.testing.assert_array_equal(found.cluster, [x.cluster for x in listings])
    np.testing.assert_allclose(np.linalg.norm(found.fused, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.z, axis=2), found.present, atol=1e-5)
    np.testing.assert_allclose(found.share.sum(1), 1, atol=1e-5)
    assert not found.share[~found.present].any()


def test_vectors_do_not_depend_on_the_batches(trained: Trained, world: World) -> None:
    one, all_at_once = of(trained, world, 1), of(trained, world, 64)
    np.testing.assert_allclose(one.fused, all_at_once.fused, atol=1e-5)
    np.testing.assert_allclose(one.z, all_at_once.z, atol=1e-5)


def test_masked_modalities_contribute_nothing_whatever_their_vectors(trained: Trained, world: World) -> None:
    found = of(trained, world, 64)
    mask = found.present & (np.arange(5) != 1)
    wild = found.z.copy()
    wild[:, 1] = np.random.default_rng(0).normal(size=wild[:, 1].shape)
    one, other = fuse(trained, found.z, mask), fuse(trained, wild, mask)
    np.testing.assert_array_equal(one.fused, other.fused)
    assert not one.share[:, 1].any()
    np.testing.assert_array_equal(fuse(trained, found.z, found.present).fused, found.fused)


def test_a_fingerprint_tells_networks_apart_but_not_their_places(
    trained: Trained, world: World, tmp_path: Path
) -> None:
    config = trained.config.model_copy(update={"out": tmp_path})
    train(config, products=world)
    assert fingerprint(load(tmp_path)) == fingerprint(trained)
    assert len(fingerprint(trained)) == 32
    other = load(tmp_path)
    other.harmony.strength[0, 1] += 0.1
    assert fingerprint(other) != fingerprint(trained)
