"""Training runs: continued bit by bit, stopped with a reason, and learning what there is to learn."""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch

from m5tools.errors import StageFailed, UsageError
from m5tools.scale.checkpoint import load
from m5tools.scale.config import MODELS, TrainConfig
from m5tools.scale.embed import embed
from m5tools.scale.harmony import Uniform
from m5tools.scale.networks import NETWORKS, check
from m5tools.scale.prepare import prepare
from m5tools.scale.train import Progress, schedule, train
from m5tools.vocabulary import MODALITIES

from .saved import checkpoints, tensors
from .world import World, WorldLoader

SMALL: dict[str, Any] = {"shards": "world", "steps": 7, "batch_size": 16, "warmup": 2, "calibration_every": 3}


class Killed(Exception):
    pass


def kill_at(step: int) -> Any:
    def progress(now: Progress) -> None:
        if now.step == step:
            raise Killed

    return progress


@pytest.mark.parametrize("memory_mb", [1024, 0], ids=["in memory", "streamed"])
def test_killed_and_continued_ends_bit_by_bit_the_same(world: World, tmp_path: Path, memory_mb: int) -> None:
    whole = TrainConfig(**SMALL, out=tmp_path / "whole", memory_mb=memory_mb)
    train(whole, products=world)
    broken = whole.model_copy(update={"out": tmp_path / "broken", "checkpoint_every": 4})
    with pytest.raises(Killed):
        train(broken, kill_at(5), products=world)
    assert [path.name for path in checkpoints(broken.out)] == ["step-00000004"]
    report = train(broken, products=world)
    assert report.step == 7
    a, b = tensors(whole.out), tensors(broken.out)
    assert a.keys() == b.keys()
    assert len(a) > 300
    assert all(torch.equal(a[name], b[name]) for name in a)

    def logged(folder: Path) -> list[tuple[int, float]]:
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        return [(line["step"], line["loss"]) for line in lines]

    assert logged(whole.out) == logged(broken.out)
    assert [step for step, _ in logged(whole.out)] == list(range(1, 8))


def test_streamed_and_in_memory_see_the_same_calibration_rows(world: World, tmp_path: Path) -> None:
    reports = [train(TrainConfig(**SMALL, out=tmp_path / str(mb), memory_mb=mb), products=world) for mb in (1024, 0)]
    assert [r.in_memory for r in reports] == [True, False]
    assert reports[0].calibration_rows == reports[1].calibration_rows > 0
    one, other = (tensors(tmp_path / str(mb)) for mb in (1024, 0))
    assert int(one["harmony.updates"]) == 3
    assert all(torch.equal(one[name], other[name]) for name in one), "one order, however batches are made"


def test_calibration_products_are_never_trained_on(world: World, tmp_path: Path) -> None:
    report = train(TrainConfig(**SMALL, out=tmp_path, calibration_rows=256), products=world)
    rows = len(world.splits["train"])
    assert report.calibration_rows == rows // 10
    # Other offers of a held-out product leave training too.
    assert report.train_rows < rows - report.calibration_rows


@pytest.mark.parametrize("memory_mb", [1024, 0], ids=["in memory", "streamed"])
def test_no_batch_holds_a_calibration_product_or_another_offer_of_it(
    world: World, tmp_path: Path, memory_mb: int
) -> None:
    config = TrainConfig(**SMALL, out=tmp_path, calibration_rows=256, memory_mb=memory_mb)
    materials = prepare(config, world, None, None)
    assert materials.in_memory == (memory_mb > 0)
    cluster = {listing.id: listing.cluster for listing in world.splits["train"]}
    held_out = {cluster[i] for i in materials.held_out.ids}
    seen: set[str] = set()
    for portion in itertools.islice(materials.source, 3 * materials.train_rows // 16):
        seen.update(portion.tokens.ids)
    assert len(seen) > materials.train_rows - 16
    assert not held_out & {cluster[i] for i in seen}


def test_a_finished_run_is_reported_again_without_training(world: World, tmp_path: Path) -> None:
    config = TrainConfig(**SMALL, out=tmp_path)
    first = train(config, products=world)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    second = train(config, kill_at(1), products=world)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert (second.loss, second.weight, second.pair_weight) == (first.loss, first.weight, first.pair_weight)


def test_another_configuration_in_the_same_folder_is_refused(world: World, tmp_path: Path) -> None:
    train(TrainConfig(**SMALL, out=tmp_path), products=world)
    with pytest.raises(UsageError, match="another lr, seed"):
        train(TrainConfig(**SMALL, out=tmp_path, lr=0.1, seed=4), products=world)


@pytest.mark.parametrize("memory_mb", [1024, 0], ids=["in memory", "streamed"])
def test_a_run_follows_its_shards_but_goes_on_with_no_others(tmp_path: Path, memory_mb: int) -> None:
    world = World(60, seed=2)
    config = TrainConfig(**SMALL, out=tmp_path, memory_mb=memory_mb, checkpoint_every=2)
    with pytest.raises(Killed):
        train(config, kill_at(3), products=world)
    moved = config.model_copy(update={"shards": "moved"})
    with pytest.raises(Killed):
        train(moved, kill_at(5), products=world)
    assert load(tmp_path).config.shards == "moved"
    world.splits["train"].pop()
    with pytest.raises(UsageError, match=r"moved no longer holds what .* was trained on"):
        train(moved, products=world)


def test_a_loss_that_is_no_number_stops_with_a_message(world: World, tmp_path: Path) -> None:
    config = TrainConfig(**SMALL, out=tmp_path, temperature=1e-45)
    with pytest.raises(StageFailed, match=r"step 1: loss nan.*Lower lr"):
        train(config, products=world)
    assert not checkpoints(tmp_path)


def test_the_clock_stops_a_run_that_keeps_what_it_learned(world: World, tmp_path: Path) -> None:
    report = train(TrainConfig(**SMALL, out=tmp_path, time_limit_s=0.0), products=world)
    assert (report.step, report.stopped) == (1, "time limit")
    assert load(tmp_path).step == 1
    again = train(TrainConfig(**SMALL, out=tmp_path), products=world)
    assert (again.step, again.stopped) == (7, "steps")


def test_training_leaves_the_callers_random_numbers_and_threads_alone(world: World, tmp_path: Path) -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    threads, during = torch.get_num_threads(), []
    config = TrainConfig(**{**SMALL, "steps": 1}, out=tmp_path, threads=threads + 1)
    train(config, lambda _: during.append(torch.get_num_threads()), products=world)
    assert torch.equal(before, torch.get_rng_state())
    assert (during, torch.get_num_threads()) == ([threads + 1], threads)


def test_schedule_rises_then_falls_to_two_percent() -> None:
    rates = [schedule(step, 100, 10) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert rates[10] == max(rates) == 1
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] == pytest.approx(0.02, abs=0.02)


def logged(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def test_every_step_is_told_with_presence_and_weights(world: World, tmp_path: Path) -> None:
    seen: list[Progress] = []
    train(TrainConfig(**SMALL, out=tmp_path), seen.append, products=world)
    lines = logged(tmp_path)
    assert [now.step for now in seen] == [line["step"] for line in lines] == list(range(1, 8))
    for now, line in zip(seen, lines, strict=True):
        assert (now.loss, now.present, now.weight) == (line["loss"], line["present"], line["weight"])
        assert 0 < now.present["video"] < now.present["text"] <= 1
        assert sum(now.weight.values()) == pytest.approx(5)
        assert 0 <= line["data_wait"] <= 1 < line["samples_per_s"]


def test_bfloat16_learns_about_the_same(world: World, tmp_path: Path) -> None:
    for precision in ("float32", "bfloat16"):
        train(TrainConfig(**SMALL, out=tmp_path / precision, precision=precision), products=world)
    exact, rough = logged(tmp_path / "float32"), logged(tmp_path / "bfloat16")
    losses = [[line["loss"] for line in lines] for lines in (exact, rough)]
    assert losses[0] != losses[1]
    assert losses[0] == pytest.approx(losses[1], rel=0.02)
    assert load(tmp_path / "bfloat16").model.fusion.kind.dtype is torch.float32


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="compiling needs a C++ compiler")
def test_a_compiled_network_learns_the_same_and_is_saved_under_the_same_names(world: World, tmp_path: Path) -> None:
    settings = {**SMALL, "steps": 3}
    train(TrainConfig(**settings, out=tmp_path / "plain"), products=world)
    train(TrainConfig(**settings, out=tmp_path / "compiled", compile=True), products=world)
    a, b = tensors(tmp_path / "plain"), tensors(tmp_path / "compiled")
    assert a.keys() == b.keys()
    assert [x["loss"] for x in logged(tmp_path / "plain")] == pytest.approx(
        [x["loss"] for x in logged(tmp_path / "compiled")], rel=1e-4
    )


def test_tensorboard_is_named_with_the_remedy_or_written(world: World, tmp_path: Path) -> None:
    config = TrainConfig(**{**SMALL, "steps": 2}, out=tmp_path, tensorboard=True)
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(UsageError, match=r"pip install tensorboard"):
            train(config, products=world)
        return
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(config, products=world)
    board = EventAccumulator(str(tmp_path)).Reload()
    assert {"loss", "weight/audio", "present/video", "samples_per_s"} <= set(board.Tags()["scalars"])
    assert [x.value for x in board.Scalars("loss")] == pytest.approx([x["loss"] for x in logged(tmp_path)], rel=1e-6)


def test_batches_and_devices_that_make_no_sense_are_named(world: World, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"fewer than batch_size 5000; lower it"):
        train(TrainConfig(**{**SMALL, "batch_size": 5000}, out=tmp_path), products=world)
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="device: cuda, but PyTorch finds no GPU here; set device: cpu"):
            train(TrainConfig(**SMALL, out=tmp_path, device="cuda"), products=world)


def test_where_and_how_fast_may_change_but_not_what(world: World, tmp_path: Path) -> None:
    config = TrainConfig(**SMALL, out=tmp_path, checkpoint_every=2)
    with pytest.raises(Killed):
        train(config, kill_at(3), products=world)
    other = {"workers": 1, "memory_mb": 0, "keep_checkpoints": 1, "checkpoint_every": 3, "max_bad_share": 0.5}
    assert train(config.model_copy(update=other), products=world).step == 7
    assert len(checkpoints(tmp_path)) == 1


@pytest.mark.parametrize("network", [name for name in NETWORKS if name != "scale"])
def test_baselines_are_trained_go_on_and_are_loaded(world: World, tmp_path: Path, network: str) -> None:
    config = TrainConfig(**SMALL, out=tmp_path, network=network, harmony="uniform", checkpoint_every=3)
    with pytest.raises(Killed):
        train(config, kill_at(5), products=world)
    assert train(config, products=world).step == 7
    trained = load(tmp_path)
    assert type(trained.model) is type(NETWORKS[network](trained.tokenizer.config))
    found = embed(trained, world.open("val", MODALITIES, batch_size=16, shuffle=False, drop_last=False))
    alone = [m.value == network.removesuffix("_alone") for m in MODALITIES]
    read = np.array(alone if any(alone) else [True] * 5)
    assert (found.present[:, ~read] == 0).all()
    np.testing.assert_allclose(np.linalg.norm(found.z, axis=2), found.present, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(found.fused, axis=1), found.present.any(1), atol=1e-5)
    with pytest.raises(UsageError, match="another network"):
        train(config.model_copy(update={"network": "scale"}), products=world)


def test_what_a_baseline_would_pass_over_is_refused(world: World, tmp_path: Path) -> None:
    def said(**asked: Any) -> str:
        with pytest.raises(UsageError, match="cannot be trained with") as caught:
            train(TrainConfig(**SMALL, out=tmp_path, **asked), products=world)
        return str(caught.value)

    assert "harmony uniform" in said(network="pairwise_contrast", harmony="released")
    assert "fused_share" in said(network="pairwise_contrast", fused_share=0.1)
    assert "consensus_share" in said(network="late_fusion", consensus_share=0.1)
    assert "no joint co-transformer" in said(network="late_fusion", harmony="uniform", masked_heads="unimodal")
    assert "no joint co-transformer" in said(network="concatenation", harmony="uniform", modality_dropout=0.1)
    with pytest.raises(UsageError, match="more than one rank"):
        check("late_fusion", Uniform(), 0.0, 0.0, MODELS["study"], 2)
    check("pairwise_contrast", Uniform(), 0.0, 0.1, MODELS["study"], 2)


def test_the_networks_of_the_settings_are_those_there_are() -> None:
    assert get_args(TrainConfig.model_fields["network"].annotation) == tuple(NETWORKS)


def test_a_split_without_products_is_one_clear_error(tmp_path: Path) -> None:
    empty = World(20, seed=1)
    empty.splits["train"] = []
    with pytest.raises(UsageError, match="shop: the train split holds no product"):
        train(TrainConfig(shards="shop", out=tmp_path, steps=2, batch_size=8), products=empty)


@pytest.mark.parametrize("readable", [False, True], ids=["unreadable", "nothing in it"])
def test_a_split_of_products_that_are_no_use_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, readable: bool
) -> None:
    world = World(20, seed=1)
    for listings in world.splits.values():
        listings[:] = [replace(x, present=(False,) * 5) for x in listings]
    if not readable:
        whole = WorldLoader.__iter__
        monkeypatch.setattr(
            WorldLoader,
            "__iter__",
            lambda self: (replace(batch, valid=torch.zeros_like(batch.valid)) for batch in whole(self)),
        )
    with pytest.raises(UsageError, match="shop: the train split holds fewer than two usable products"):
        train(TrainConfig(shards="shop", out=tmp_path, steps=2, batch_size=8), products=world)
