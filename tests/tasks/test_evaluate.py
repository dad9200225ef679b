"""The whole report on a small world, and the claim that fusion pays."""

from __future__ import annotations

from pathlib import Path

import pytest

from m5tools.scale.checkpoint import load
from m5tools.scale.config import TrainConfig
from m5tools.scale.train import train
from m5tools.tasks.evaluate import evaluate
from m5tools.vocabulary import MODALITIES

from ..scale.world import World


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict:  # type: ignore[type-arg]
    world, out = World(250, seed=11), tmp_path_factory.mktemp("run")
    config = TrainConfig(shards="world", out=out, steps=100, batch_size=48)
    trained = train(config, products=world)
    assert trained.weight["audio"] == min(trained.weight.values())
    assert all(
        weight < min(w for pair, w in trained.pair_weight.items() if "audio" not in pair)
        for pair, weight in trained.pair_weight.items()
        if "audio" in pair
    )
    return evaluate(load(out), products=world)


def test_fused_retrieval_beats_every_modality_alone_the_title_baseline_and_chance(report: dict) -> None:  # type: ignore[type-arg]
    fine = report["fine"]
    scores = {name: system["mAP@10"] for name, system in fine["systems"].items()}
    others = {name: score for name, score in scores.items() if name != "fused"}
    assert set(others) == {*(m.value for m in MODALITIES), "tfidf_title"}
    assert scores["fused"] > max(others.values()) + 0.05
    assert scores["fused"] > 20 * fine["chance"]["mAP@10"]
    # Not only because every product has a fused vector: also on the queries that have the modality.
    for system in fine["systems"].values():
        if "on_answered" in system:
            assert system["on_answered"]["fused"]["mAP@10"] > system["on_answered"]["own"]["mAP@10"]


def test_noise_is_at_chance_and_categories_are_learned(report: dict) -> None:  # type: ignore[type-arg]
    assert report["fine"]["systems"]["audio"]["mAP@10"] < 0.03
    coarse = report["coarse"]
    assert coarse["systems"]["fused"]["mAP@10"] > 2 * coarse["chance"]["mAP@10"]
    classification = report["classification"]
    assert classification["systems"]["fused"]["accuracy"] > classification["chance"]["accuracy"] + 0.1


def test_a_missing_checkpoint_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no checkpoint"):
        evaluate(tmp_path)
