"""The generator keeps its promises: signal where it is said to be, nuisance private, splits that belong together."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from m5tools.scale.tokens import Tokens
from m5tools.study.config import WorldConfig
from m5tools.study.world import SHAPE, World
from m5tools.vocabulary import MODALITIES, Modality


def features(tokens: Tokens, modality: Modality) -> NDArray[np.float64]:
    """What one modality shows of every listing that has it, words as indicators, `[P, F]`."""
    values = tokens.parts[modality].values
    if modality in (Modality.TEXT, Modality.TABLE):
        return np.asarray(torch.nn.functional.one_hot(values.flatten(1), SHAPE.vocabulary).sum(1).double())
    return np.asarray(values.flatten(1).double())


def explained(world: World, seen: Tokens, modality: Modality, of: Modality) -> float:
    """R² out of sample of one modality's features from another's, by ridge regression."""
    x, y = features(seen, modality), features(seen, of)
    x, y = x - x.mean(0), y - y.mean(0)
    half = len(x) // 2
    weight = np.linalg.solve(x[:half].T @ x[:half] + 30 * np.eye(x.shape[1]), x[:half].T @ y[:half])
    return 1 - float(((y[half:] - x[half:] @ weight) ** 2).sum() / (y[half:] ** 2).sum())


def whole(**fields: object) -> WorldConfig:
    return WorldConfig.model_validate({"missing": 0, "missing_together": 0, "wrong": {"text": 0, "image": 0}} | fields)


def test_tokens_fit_the_study_network() -> None:
    tokens = World(WorldConfig(train_rows=50, drawn_rows=50), 1).train
    assert sum(SHAPE.tokens(m) for m in MODALITIES) <= 48
    for modality, part in tokens.parts.items():
        assert part.mask.shape[1] <= SHAPE.tokens(modality)
        assert bool(part.mask.any(1).all())
        if modality in (Modality.TEXT, Modality.TABLE):
            assert int(part.values.min()) >= 0
            assert int(part.values.max()) < SHAPE.vocabulary
        else:
            assert part.values.shape[2] == SHAPE.features(modality)


def test_the_same_seed_gives_the_same_world_and_another_another() -> None:
    config = WorldConfig(train_rows=30, drawn_rows=30)
    one, again, other = World(config, 1).train, World(config, 1).train, World(config, 2).train
    assert all(torch.equal(one.parts[m].values, again.parts[m].values) for m in MODALITIES)
    assert not torch.equal(one.parts[Modality.TEXT].values[:20], other.parts[Modality.TEXT].values[:20])


def test_a_smaller_training_set_is_the_beginning_of_a_larger_one_and_the_test_is_the_same() -> None:
    small, large = (World(WorldConfig(train_rows=n, drawn_rows=80), 1) for n in (40, 80))
    first = large.train.select(torch.arange(40))
    for modality in MODALITIES:
        assert torch.equal(small.train.parts[modality].values, first.parts[modality].values)
        assert torch.equal(small.gallery.parts[modality].values, large.gallery.parts[modality].values)


def test_noise_tells_nothing_of_the_rest_and_signal_does() -> None:
    world = World(whole(train_rows=1200, drawn_rows=1200), 3)
    tokens = world.train
    assert explained(world, tokens, Modality.TEXT, Modality.IMAGE) > 0.02
    assert explained(world, tokens, Modality.AUDIO, Modality.IMAGE) < 0.005


@pytest.mark.parametrize("shared", [(), ("video", "audio")])
def test_a_shared_nuisance_is_seen_by_those_that_share_it_only(shared: tuple[str, ...]) -> None:
    config = whole(train_rows=1200, drawn_rows=1200, strength={"video": 0, "audio": 0}, shared_nuisance=shared)
    world = World(config, 4)
    told = explained(world, world.train, Modality.VIDEO, Modality.AUDIO)
    assert told > 0.2 if shared else told < 0.01
    assert explained(world, world.train, Modality.VIDEO, Modality.IMAGE) < 0.01


def test_queries_and_gallery_show_one_product_in_two_listings() -> None:
    world = World(whole(queries=100, distractors=50), 5)
    query, gallery = world.queries, world.gallery
    assert (len(query), len(gallery)) == (100, 150)
    assert torch.equal(query.cluster, gallery.cluster[:100])
    words = query.parts[Modality.TEXT].values, gallery.parts[Modality.TEXT].values[:100]
    same = float((words[0] == words[1]).float().mean())
    other = float((words[0] == words[1].roll(1, 0)).float().mean())
    assert other + 0.2 < same < 1


def test_missing_modalities_come_at_the_asked_rates_and_nothing_is_left_empty() -> None:
    apart = World(WorldConfig(train_rows=4000, missing=0.6, missing_together=0.0), 6).train.present
    assert bool(apart.any(1).all())
    assert abs(float((~apart).float().mean()) - 0.6) < 0.03
    both = World(WorldConfig(train_rows=4000, missing=0.0, missing_together=0.3), 6).train.present
    assert torch.equal(both[:, Modality.VIDEO.bit], both[:, Modality.AUDIO.bit])
    assert abs(float((~both[:, Modality.VIDEO.bit]).float().mean()) - 0.3) < 0.03
    assert bool(both[:, : Modality.VIDEO.bit].all())


def test_modalities_that_do_not_exist_are_nowhere() -> None:
    world = World(WorldConfig(modalities=(Modality.TEXT, Modality.TABLE), train_rows=50, drawn_rows=50), 7)
    for tokens in (world.train, world.calibration, world.queries, world.gallery, world.probe):
        assert not tokens.present[:, [m.bit for m in (Modality.IMAGE, Modality.VIDEO, Modality.AUDIO)]].any()
        assert bool(tokens.present.any(1).all())


def test_fewer_categories_of_equally_many_listings() -> None:
    world = World(WorldConfig(class_share=0.1), 8)
    assert len(world.train) == 4000
    assert len(world.train.category.unique()) == 6
    assert len(world.gallery.category.unique()) > 40


def test_wrong_products_come_at_their_rate_and_are_told() -> None:
    world = World(whole(wrong={"text": 0.3, "image": 0.0}, distractors=3000), 9)
    assert abs(world.strange[:, Modality.TEXT.bit].mean() - 0.3) < 0.03
    assert not world.strange[:, Modality.IMAGE.bit].any()
