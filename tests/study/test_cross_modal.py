"""Finding a product by another of its modalities: on vectors whose right order is known, and on networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from m5tools.scale.checkpoint import load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embed import Embeddings
from m5tools.scale.train import train
from m5tools.study.cross_modal import cross, crossings
from m5tools.tasks.metrics import METRICS
from m5tools.vocabulary import Modality

from ..scale.world import World

MAP, AT_ONE = METRICS.index("mAP@10"), METRICS.index("Prec@1")


def vectors(rows: dict[str, tuple[float, float, float]]) -> Embeddings:
    fused = np.array(list(rows.values()), np.float32)
    fused /= np.linalg.norm(fused, axis=1, keepdims=True).clip(1e-9)
    count = len(rows)
    there = np.zeros((count, 5), bool)
    there[:, 0] = fused.any(1)
    nothing, none = np.zeros((count, 5), np.float32), np.full(count, -1)
    return Embeddings(tuple(rows), np.zeros((count, 5, 3), np.float32), fused, there, nothing, nothing, none, none)


def test_the_right_answer_is_the_product_itself_wherever_it_stands() -> None:
    asking = vectors({"lonely": (0, 0, 1), "a": (1, 0.1, 0), "b": (1, 0.2, 0), "c": (0, 1, 0)})
    searched = vectors({"c": (0, 1, 0), "b": (0.2, 1, 0), "a": (1, 0, 0), "other": (0.1, 1, 0)})
    found = cross(asking, searched)
    assert found.ids == ("a", "b", "c"), "who lacks the sought modality does not ask"
    assert found.gallery == 4
    assert found.values[:, AT_ONE].tolist() == [1, 0, 1]
    assert found.values[:, MAP].tolist() == [1, 0.5, 1]
    assert found.chance()["Prec@1"] == 1 / 4
    assert found.answered


def test_vectors_without_a_common_direction_answer_nothing() -> None:
    found = cross(vectors({"a": (1, 0, 0), "b": (0.5, 0, 0)}), vectors({"a": (0, 1, 0), "b": (0, 1, 1)}))
    assert not found.answered
    assert not cross(vectors({"a": (1, 0, 0)}), vectors({"a": (0, 0, 0)})).answered


@pytest.mark.parametrize("network", ["pairwise_contrast", "concatenation", "late_fusion"])
def test_a_query_shows_nothing_but_its_modality(network: str, tmp_path: Path) -> None:
    world = World(60, seed=3)
    config = TrainConfig(
        shards="world", out=tmp_path, steps=20, batch_size=32, network=network, harmony="uniform"
    )  # fmt: skip
    train(config, products=world)
    pair = (Modality.TEXT, Modality.AUDIO)
    found = crossings(load(tmp_path), world, "train", pair)
    assert set(found) == {pair, pair[::-1]}
    one = found[pair]
    assert one.answered == (network != "late_fusion")
    # Sound is noise here: a network that saw the text beside it would find every product.
    assert one.values[:, AT_ONE].mean() < 0.5
