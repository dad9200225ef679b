"""Fine-tuning learns, repeats itself, and leaves what it started from alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from m5tools.scale.checkpoint import Trained, load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embed import fingerprint
from m5tools.scale.train import train
from m5tools.tasks.fine_tune import FineTuned, fine_tune
from m5tools.tasks.gathered import Gathered, Scratch, gather

from ..scale.world import World

CLASSES = np.arange(4)


@pytest.fixture(scope="module")
def world() -> World:
    return World(120, seed=5)


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("run")
    train(TrainConfig(shards="world", out=out, steps=20, batch_size=32), products=world)
    return load(out)


def tuned(trained: Trained, world: World, epochs: int) -> FineTuned:
    quiet = lambda what, done, total: None  # noqa: E731
    return fine_tune(trained, world, CLASSES, 64, epochs=epochs, rate=2e-3, seed=0, tick=quiet)


def embedded(trained: Trained, world: World, folder: Path) -> Gathered:
    return gather(trained, world, ["train"], Scratch(folder), lambda what, done, total: None)


def test_it_learns_the_classes_it_is_given(trained: Trained, world: World, tmp_path: Path) -> None:
    before = fingerprint(trained)
    found = tuned(trained, world, 10)
    assert fingerprint(trained) == before
    assert fingerprint(found.trained) != before
    assert not found.trained.model.training
    products = embedded(found.trained, world, tmp_path)
    answers, known = found.predict(products.fused), np.isin(products.category, CLASSES)
    assert set(answers.tolist()) <= set(CLASSES.tolist())
    right = (answers == products.category)[known].mean()
    largest = np.bincount(products.category[known]).max() / known.sum()
    assert right > largest + 0.15
    # What the rule measured stays as it was; only the network learns.
    for name, value in trained.harmony.state_dict().items():
        assert torch.equal(found.trained.harmony.state_dict()[name], value)


def test_the_same_seed_gives_the_same_network(trained: Trained, world: World) -> None:
    state = torch.get_rng_state()
    one, other = tuned(trained, world, 1), tuned(trained, world, 1)
    assert fingerprint(one.trained) == fingerprint(other.trained)
    np.testing.assert_array_equal(one.weight, other.weight)
    assert one.steps == other.steps > 0
    assert torch.equal(torch.get_rng_state(), state)
