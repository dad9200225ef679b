"""Metrics against cases worked by hand, and chance against random rankings."""

from __future__ import annotations

import numpy as np
import pytest

from m5tools.tasks import metrics


def hits(*ranks: int) -> np.ndarray:
    row = np.zeros((1, 10), dtype=bool)
    row[0, [r - 1 for r in ranks]] = True
    return row


@pytest.mark.parametrize(
    ("found", "positives", "k", "usual", "released"),
    [
        (hits(1), 1, 10, 1.0, 1.0),
        (hits(2), 1, 10, 0.5, 0.0),  # the release cuts k to one positive
        (hits(2), 2, 10, 0.25, 0.5),  # one of two found, at rank 2
        (hits(1), 5, 5, 0.2, 1.0),  # the release forgives the four that were missed
        (hits(1, 3), 2, 5, (1 + 2 / 3) / 2, 1.0),
        (hits(1, 3), 4, 5, (1 + 2 / 3) / 4, (1 + 2 / 3) / 2),
        (hits(), 3, 10, 0.0, 0.0),
        (hits(*range(1, 11)), 50, 10, 1.0, 1.0),
    ],
)
def test_average_precision(found: np.ndarray, positives: int, k: int, usual: float, released: float) -> None:
    count = np.array([positives])
    assert metrics.average_precision(found, count, k)[0] == pytest.approx(usual)
    assert metrics.average_precision_released(found, count, k)[0] == pytest.approx(released)


def test_precision_and_recall() -> None:
    found, count = hits(1, 4, 7), np.array([4])
    assert metrics.precision(found, 5)[0] == pytest.approx(2 / 5)
    assert metrics.precision_released(found, count, 5)[0] == pytest.approx(2 / 4)
    assert metrics.recall(found, count, 10)[0] == pytest.approx(3 / 4)


def test_at_one_all_agree() -> None:
    rng = np.random.default_rng(0)
    found, count = rng.random((200, 10)) < 0.4, rng.integers(10, 20, 200)
    out = metrics.summary(found, count)
    assert out["mAP@1"] == out["Prec@1"] == out["mAP_released@1"] == out["Prec_released@1"]


@pytest.mark.parametrize(("positives", "gallery"), [(1, 20), (3, 20), (12, 30), (2, 6)])
def test_chance_is_the_mean_over_random_rankings(positives: int, gallery: int) -> None:
    rng = np.random.default_rng(1)
    runs = 20_000
    relevant = rng.permuted(np.tile(np.arange(gallery) < positives, (runs, 1)), axis=1)
    first = np.zeros((runs, 10), dtype=bool)
    first[:, : min(gallery, 10)] = relevant[:, :10]
    count = np.full(runs, positives)
    measured, expected = metrics.summary(first, count), metrics.chance(count, gallery)
    for name, value in expected.items():
        assert measured[name] == pytest.approx(value, abs=0.01), name
