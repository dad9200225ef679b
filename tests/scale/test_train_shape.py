"""Settings of a run that change the network's shape or its words: they are learned by, saved, and gone on with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from m5tools.errors import UsageError
from m5tools.scale.checkpoint import load
from m5tools.scale.config import MODELS, TrainConfig
from m5tools.scale.embed import embed
from m5tools.scale.tokenizer import ProductTokenizer
from m5tools.scale.train import train
from m5tools.vocabulary import MODALITIES

from .saved import checkpoints, tensors
from .test_tokenizer import wordpiece
from .test_train import SMALL, Killed, kill_at
from .world import World

CHOICES: list[dict[str, Any]] = [{"masked_heads": "unimodal"}, {"missing": "zeros"}, {"modality_dropout": 0.5}]


def test_by_default_the_shape_is_that_of_the_model(tmp_path: Path) -> None:
    for model in ("study", "compact", "paper"):
        assert TrainConfig(shards="world", out=tmp_path, model=model).shape == MODELS[model]


@pytest.fixture(scope="module")
def usual(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with the defaults."""
    out = tmp_path_factory.mktemp("usual")
    train(TrainConfig(**SMALL, out=out), products=world)
    return out


@pytest.mark.parametrize("choice", CHOICES, ids=lambda choice: next(iter(choice)))
def test_a_choice_of_shape_is_learned_by_saved_and_gone_on_with(
    world: World, usual: Path, tmp_path: Path, choice: dict[str, Any]
) -> None:
    whole = TrainConfig(**SMALL, **choice, out=tmp_path / "whole")
    train(whole, products=world)
    broken = whole.model_copy(update={"out": tmp_path / "broken", "checkpoint_every": 4})
    with pytest.raises(Killed):
        train(broken, kill_at(5), products=world)
    (name,) = choice
    with pytest.raises(UsageError, match=f"was trained with another {name}; choose another folder"):
        train(TrainConfig(**SMALL, out=broken.out), products=world)
    train(broken, products=world)
    one, other, without = tensors(whole.out), tensors(broken.out), tensors(usual)
    assert all(torch.equal(one[key], other[key]) for key in one)
    assert any(not torch.equal(one[key], without[key]) for key in one), "it makes a difference"
    assert {name: getattr(load(broken.out).model.config, name)} == choice


def test_absent_modalities_are_zeros_wherever_such_a_network_is_used(world: World, tmp_path: Path) -> None:
    train(TrainConfig(**SMALL, missing="zeros", out=tmp_path), products=world)
    found = embed(load(tmp_path), world.open("val", MODALITIES, batch_size=16, shuffle=False, drop_last=False))
    assert found.present.all()


def test_a_tokenizer_travels_with_the_checkpoint(world: World, tmp_path: Path) -> None:
    given = wordpiece(tmp_path)
    config = TrainConfig(**SMALL, out=tmp_path / "run", tokenizer=given, checkpoint_every=4)
    with pytest.raises(Killed):
        train(config, kill_at(5), products=world)
    words = ProductTokenizer.from_file(MODELS["study"], given).to_json()
    moved = (given / "tokenizer.json").rename(tmp_path / "elsewhere.json")
    assert load(config.out).tokenizer.to_json() == words
    with pytest.raises(UsageError, match="no tokenizer at"):
        train(config, products=world)
    train(config.model_copy(update={"tokenizer": moved}), products=world)
    moved.unlink()
    trained = load(config.out)
    assert (trained.step, trained.tokenizer.to_json(), trained.model.config.vocabulary) == (7, words, 21)
    embed(trained, world.open("val", MODALITIES, batch_size=16, shuffle=False, drop_last=False))


def test_a_run_does_not_go_on_with_other_words(world: World, usual: Path, tmp_path: Path) -> None:
    given = wordpiece(tmp_path) / "tokenizer.json"
    run = TrainConfig(**SMALL, out=tmp_path / "run", tokenizer=given)
    train(run, products=world)
    refused = "was trained with another tokenizer; choose another folder"
    with pytest.raises(UsageError, match=refused):
        train(run.model_copy(update={"tokenizer": None}), products=world)
    with pytest.raises(UsageError, match=refused):
        train(run.model_copy(update={"out": usual}), products=world)
    given.write_text(given.read_text().replace('"mug"', '"cup"'))
    with pytest.raises(UsageError, match=refused):
        train(run, products=world)


@pytest.mark.parametrize("given", [True, False], ids=["given", "learned"])
def test_a_checkpoint_whose_words_are_none_is_named_by_whoever_takes_it_up(
    world: World, tmp_path: Path, given: bool
) -> None:
    run = TrainConfig(**SMALL, out=tmp_path / "run", tokenizer=wordpiece(tmp_path) if given else None)
    train(run, products=world)
    newest = checkpoints(run.out)[-1]
    (newest / "tokenizer.json").write_text('{"model": 1}')
    refused = rf"{newest.name} cannot be read \(tokenizer.json is none .*\); remove it, and the run goes on from"
    with pytest.raises(UsageError, match=refused):
        load(run.out)
    with pytest.raises(UsageError, match=refused):
        train(run, products=world)
