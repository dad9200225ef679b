"""The whole report on a small world, and the claim that fusion pays."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from m5tools.errors import UsageError
from m5tools.scale.checkpoint import Trained, load
from m5tools.scale.config import TrainConfig
from m5tools.scale.embed import fingerprint
from m5tools.scale.train import train
from m5tools.tasks import evaluate as module
from m5tools.tasks import masks
from m5tools.tasks.config import EvaluateConfig
from m5tools.tasks.evaluate import evaluate
from m5tools.tasks.gathered import Scratch
from m5tools.tasks.report import Evaluation
from m5tools.vocabulary import MODALITIES

from ..scale.world import NOUNS, World

ALL = EvaluateConfig(splits=("val", "test"), bootstraps=200, cluster_runs=2)
BRIEF = EvaluateConfig(bootstraps=0, cluster_runs=0, fine_tune_epochs=0, combinations=False, removed=())


@pytest.fixture(scope="module")
def world() -> World:
    return World(250, seed=11)


@pytest.fixture(scope="module")
def facts(world: World) -> pl.DataFrame:
    """Bands by category; no roles."""
    rows = [(x.id, ("head", "middle", "tail")[min(x.category, 2)]) for s in world.splits.values() for x in s]
    nothing = [pl.lit(None, pl.String).alias(name) for name in ("coarse", "fine", "classification")]
    return pl.DataFrame(rows, schema=["product_id", "band"], orient="row").with_columns(nothing)


@pytest.fixture(scope="module")
def trained(world: World, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    out = tmp_path_factory.mktemp("run")
    config = TrainConfig(shards="world", out=out, steps=100, batch_size=48)
    told = train(config, products=world)
    assert told.weight["audio"] == min(told.weight.values())
    assert all(
        weight < min(w for pair, w in told.pair_weight.items() if "audio" not in pair)
        for pair, weight in told.pair_weight.items()
        if "audio" in pair
    )
    return load(out)


@pytest.fixture(scope="module")
def report(trained: Trained, world: World, facts: pl.DataFrame) -> Evaluation:
    return evaluate(trained, config=ALL, products=world, facts=facts)


def test_fused_retrieval_beats_every_modality_alone_the_title_baseline_and_chance(report: Evaluation) -> None:
    fine = report.fine
    scores = {name: system.metrics["mAP@10"] for name, system in fine.systems.items()}
    assert set(scores) == {*(m.value for m in MODALITIES), "tfidf_title", "fused", "fine_tuned"}
    others = {name: score for name, score in scores.items() if name not in ("fused", "fine_tuned")}
    assert scores["fused"] > max(others.values()) + 0.05
    assert scores["fused"] > 20 * fine.chance["mAP@10"]
    for name in others:
        system = fine.systems[name]
        assert system.against_fused["mAP@10"].high < 0
        # Not only because every product has a fused vector: also on the queries that have the modality.
        assert (system.answered < 1) == bool(system.on_answered)
        if system.on_answered:
            assert system.on_answered["mAP@10"].mean < 0


def test_noise_is_at_chance_and_categories_are_learned(report: Evaluation) -> None:
    assert report.fine.systems["audio"].metrics["mAP@10"] < 0.03
    coarse, found = report.coarse, report.classification
    assert coarse.systems["fused"].metrics["mAP@10"] > 2 * coarse.chance["mAP@10"]
    assert found.systems["fused"].metrics["accuracy"] > found.chance["accuracy"] + 0.1
    assert found.systems["fine_tuned"].metrics["accuracy"] > found.chance["accuracy"] + 0.1
    assert found.fine_tune_steps > 0
    # Fine-tuning on categories helps the task of categories.
    assert coarse.systems["fine_tuned"].against_fused["mAP@10"].low > 0
    clusters = report.clustering
    assert clusters.clusters == len(NOUNS)
    for metric in ("nmi", "purity"):
        assert clusters.systems["fine_tuned"][metric].mean > clusters.chance[metric] + 0.1
        assert clusters.systems["audio"][metric].mean < clusters.chance[metric] + 0.1


def test_every_combination_is_judged_and_single_modalities_are_those_of_the_systems(report: Evaluation) -> None:
    for task in (report.fine, report.coarse):
        assert [*task.combinations] == [masks.name_of(c) for c in masks.COMBINATIONS]
        whole = task.combinations["image+text+table+video+audio"]
        assert whole.metrics == task.systems["fused"].metrics
        for modality in MODALITIES:
            alone, system = task.combinations[modality.value], task.systems[modality.value]
            assert alone.answered == system.answered
            assert alone.metrics["mAP@10"] == pytest.approx(system.metrics["mAP@10"], abs=1e-6)
    fine = {name: one.metrics["mAP@10"] for name, one in report.fine.combinations.items()}
    assert fine["image+text"] > max(fine["image"], fine["text"])
    assert fine["image+text+table"] > fine["image+text"]


def test_losing_modalities_costs_more_the_more_are_lost(report: Evaluation) -> None:
    for task, metric in ((report.fine, "mAP@10"), (report.coarse, "mAP@10"), (report.classification, "accuracy")):
        left = [one.metrics[metric] for one in task.removed.values()]
        assert [*task.removed] == ["0.2", "0.4", "0.6"]
        assert left[2] < left[0] < task.systems["fused"].metrics[metric] + 0.02
        assert all(one.answered == 1 for one in task.removed.values())


def test_bands_add_up(report: Evaluation) -> None:
    for task in (report.fine, report.coarse, report.classification):
        for system in task.systems.values():
            assert set(system.bands) == {"head", "middle", "tail"}
            assert sum(band.count for band in system.bands.values()) == system.count
            for metric, value in system.metrics.items():
                parts = sum(band.count * band.metrics[metric] for band in system.bands.values())
                assert parts / system.count == pytest.approx(value)
                assert system.interval[metric].low <= value <= system.interval[metric].high


def test_the_joint_vector_is_judged_where_it_was_trained_to_retrieve(
    report: Evaluation, world: World, facts: pl.DataFrame, tmp_path: Path
) -> None:
    assert "joint" not in report.fine.systems
    train(TrainConfig(shards="world", out=tmp_path, steps=40, batch_size=48, fused_share=0.3), products=world)
    found = evaluate(load(tmp_path), config=BRIEF, products=world, facts=facts)
    assert list(found.fine.systems)[:3] == ["fused", "joint", "image"]
    for task in (found.fine, found.coarse):
        assert task.systems["joint"].answered == 1
        assert task.systems["joint"].metrics["mAP@10"] > 2 * task.chance["mAP@10"]
    assert found.classification.systems["joint"].metrics["accuracy"] > found.classification.chance["accuracy"]


def test_the_report_survives_json(report: Evaluation) -> None:
    assert Evaluation.model_validate(json.loads(report.model_dump_json())) == report
    assert report.products == report.coarse.gallery


def test_the_same_twice_and_from_mapped_files(
    trained: Trained, world: World, facts: pl.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = EvaluateConfig(bootstraps=20, cluster_runs=1, fine_tune_epochs=1, combinations=False, distractors=True)
    one = evaluate(trained, config=config, products=world, facts=facts)
    monkeypatch.setattr(module, "Scratch", lambda folder: Scratch(folder, 0))
    assert evaluate(trained, config=config, products=world, facts=facts) == one
    assert one.fine.gallery == len(world.splits["test"]) + len(world.splits["train"])
    assert one.fine.queries < one.products == len(world.splits["test"])
    assert one.model == fingerprint(trained)


def test_roles_say_who_asks_and_who_answers(trained: Trained, world: World, facts: pl.DataFrame) -> None:
    test = [x.id for x in world.splits["test"]]
    train_rows = [x.id for x in world.splits["train"] if x.category in (0, 1)]
    roles = {name: ("query", "gallery", "distractor", None)[i % 4] for i, name in enumerate(test)}
    split = {**dict.fromkeys(train_rows, "train"), **dict.fromkeys(test[:50], "test")}
    rows = facts.with_columns(
        coarse=pl.col("product_id").replace_strict(roles, default=None, return_dtype=pl.String),
        classification=pl.col("product_id").replace_strict(split, default=None, return_dtype=pl.String),
    )
    found = evaluate(trained, config=BRIEF, products=world, facts=rows)
    assert {found.coarse.protocol, found.fine.protocol, found.classification.protocol} == {"roles"}
    count = {role: sum(r == role for r in roles.values()) for role in ("query", "gallery", "distractor")}
    assert found.coarse.gallery == count["gallery"] + count["distractor"]
    assert 0 < found.coarse.queries <= count["query"]
    assert found.fine.queries == 0  # nobody was given a part
    assert (found.classification.train_rows, found.classification.test_rows) == (len(train_rows), 50)
    assert found.classification.classes == 2
    everyone = evaluate(trained, config=BRIEF.model_copy(update={"roles": False}), products=world, facts=rows)
    assert everyone.coarse.protocol == "splits"
    assert everyone.coarse.gallery == len(test)


def test_a_known_identity_takes_the_place_of_clusters(trained: Trained, world: World) -> None:
    listings = world.splits["test"]
    identity = {x.id: x.cluster for x in listings[::2]}
    found = evaluate(trained, config=BRIEF, products=world, identity=identity)
    assert found.fine.gallery == len(identity)
    known = np.array([identity[x.id] for x in listings[::2]])
    assert found.fine.queries == sum((known == one).sum() > 1 for one in known)


def test_a_missing_checkpoint_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="no checkpoint"):
        evaluate(tmp_path)


@pytest.mark.parametrize("splits", [("train",), ("test", "test")])
def test_what_was_trained_on_and_what_is_named_twice_is_not_judged(
    trained: Trained, world: World, splits: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="train split"):
        evaluate(trained, config=EvaluateConfig(splits=splits), products=world)


def test_a_network_of_one_vector_a_product_is_shown_only_what_a_mask_leaves(world: World, tmp_path: Path) -> None:
    config = TrainConfig(
        shards="world", out=tmp_path, steps=3, batch_size=48, network="concatenation", harmony="uniform"
    )
    train(config, products=world)
    trained = load(tmp_path)
    found = evaluate(trained, config=ALL.model_copy(update={"fine_tune_epochs": 0}), products=world).fine
    assert found.combinations["image+text+table+video+audio"].metrics == found.systems["fused"].metrics
    for modality in MODALITIES:
        system = found.systems[modality.value]
        assert system.metrics == found.combinations[modality.value].metrics
        assert system.answered == found.combinations[modality.value].answered
        assert system.metrics != found.systems["fused"].metrics, "other modalities are not seen through this one"
    assert found.removed["0.6"].metrics != found.systems["fused"].metrics
