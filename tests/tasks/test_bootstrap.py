"""Intervals: they cover, they are paired, and what is about one product is drawn together."""

from __future__ import annotations

import numpy as np

from m5tools.tasks.bootstrap import Bootstrap


def test_the_interval_of_a_mean_covers_it_about_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(0), 0
    for seed in range(200):
        low, high = Bootstrap(200, seed).interval(rng.normal(size=(60, 1)), np.arange(60))
        covered += bool(low[0] <= 0 <= high[0])
    assert 178 <= covered <= 199


def test_it_is_near_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(size=(400, 1))
    low, high = Bootstrap(2000, 0).interval(values, np.arange(400))
    half = 1.96 * values.std() / 20
    np.testing.assert_allclose([low[0], high[0]], [values.mean() - half, values.mean() + half], atol=0.1 * half)


def test_offers_of_one_product_are_drawn_together() -> None:
    value = np.random.default_rng(2).normal(size=40)
    alone = Bootstrap(500, 0).interval(value[:, None], np.arange(40))
    # Ten offers of each product say nothing new.
    np.testing.assert_allclose(
        Bootstrap(500, 0).interval(np.repeat(value, 10)[:, None], np.repeat(np.arange(40), 10)), alone
    )


def test_differences_are_paired() -> None:
    rng = np.random.default_rng(3)
    hard = rng.normal(size=300)  # how hard a query is, for both systems
    one, other = hard, hard + 0.05 + 0.01 * rng.normal(size=300)
    bootstrap, unit = Bootstrap(500, 0), np.arange(300)
    low, high = bootstrap.interval((other - one)[:, None], unit)
    assert 0.04 < low[0] < high[0] < 0.06
    apart = [bootstrap.interval(x[:, None], unit) for x in (one, other)]
    assert apart[1][0][0] < apart[0][1][0]  # unpaired, they overlap


def test_the_same_seed_gives_the_same_ends_and_column_order_does_not_matter() -> None:
    values = np.random.default_rng(4).normal(size=(50, 3))
    one = Bootstrap(100, 7).interval(values, np.arange(50))
    np.testing.assert_array_equal(one, Bootstrap(100, 7).interval(values, np.arange(50)))
    np.testing.assert_allclose(one[:, ::-1], Bootstrap(100, 7).interval(values[:, ::-1], np.arange(50)))
    assert (one != Bootstrap(100, 8).interval(values, np.arange(50))).any()
