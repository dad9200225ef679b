from __future__ import annotations

import numpy as np

from m5tools.loader.draws import draws, seeds, shuffled, uniform

GOLDEN = [5, 2, 11, 9, 3, 4, 7, 10, 0, 1, 6, 8]
GOLDEN_LONG = [66384, 88282, 8180, 49031]
GOLDEN_SEEDS = [1879538503416517489, 2029386805003661075, 5980288171599734971]
VIEW = "0123456789abcdef" * 2


def test_golden_order() -> None:
    """Pinned: an upgrade of anything must not change the order of a training run unseen."""
    assert shuffled(12, VIEW, 7, 3).tolist() == GOLDEN
    assert shuffled(100_000, VIEW, 7, 3)[:4].tolist() == GOLDEN_LONG
    assert seeds(np.arange(3), 7, 3).tolist() == GOLDEN_SEEDS


def test_an_order_changes_with_everything_it_is_a_function_of() -> None:
    orders = [shuffled(50, f, s, e).tolist() for f, s, e in [("a", 0, 0), ("b", 0, 0), ("a", 1, 0), ("a", 0, 1)]]
    assert len(set(map(tuple, orders))) == 4
    assert shuffled(50, "a", 0, 0).tolist() == orders[0]


def test_places_are_uniform() -> None:
    """Mean place of a row over 2,000 epochs: within five standard errors of the middle."""
    places = np.stack([np.argsort(shuffled(20, "a", 0, epoch)) for epoch in range(2000)])
    error = np.sqrt((20**2 - 1) / 12 / 2000)
    assert np.abs(places.mean(0) - 9.5).max() < 5 * error


def test_a_draw_belongs_to_its_place() -> None:
    assert draws(np.array([7, 3]), "a").tolist() == draws(np.arange(10), "a")[[7, 3]].tolist()
    assert len(np.unique(draws(np.arange(10_000), "a"))) == 10_000
    inside = uniform(np.arange(10_000), "a")
    assert 0 <= inside.min() < inside.max() < 1
    assert abs(inside.mean() - 0.5) < 5 / np.sqrt(12 * 10_000)


def test_seeds_fit_every_generator() -> None:
    drawn = seeds(np.arange(10_000), 0, 0)
    assert drawn.dtype == np.int64
    assert drawn.min() >= 0
    assert len(set(drawn.tolist()) | set(seeds(np.arange(10_000), 0, 1).tolist())) == 20_000
