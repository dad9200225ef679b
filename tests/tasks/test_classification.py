"""The linear probe."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from m5tools.tasks import classification
from m5tools.tasks.classification import RIDGE, Probe, majority


def separable(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, rows)
    centres = np.random.default_rng(0).normal(size=(4, 8))
    return (centres[labels] + 0.2 * rng.normal(size=(rows, 8))).astype(np.float32), labels


def test_it_learns_what_is_linear() -> None:
    assert Probe.fit(*separable(300, 1)).accuracy(*separable(200, 2)) > 0.97


def test_it_equals_ridge_regression_solved_by_gradient_free_algebra() -> None:
    x, y = separable(50, 3)
    probe = Probe.fit(x, y)
    scaled = (x - x.mean(0)) / x.std(0)
    target = np.eye(4)[y]
    wanted = np.linalg.lstsq(
        np.vstack([scaled, np.sqrt(0.01 * 50) * np.eye(8)]), np.vstack([target - target.mean(0), np.zeros((8, 4))])
    )[0]
    np.testing.assert_allclose(probe.weight[:-1], wanted, atol=1e-5)


def test_unknown_classes_are_left_out_and_unseen_ones_are_wrong() -> None:
    x, y = separable(300, 4)
    train_labels = np.where(y == 3, -1, y)
    probe = Probe.fit(x, train_labels)
    assert set(probe.classes.tolist()) == {0, 1, 2}
    assert probe.accuracy(x[y == 3], y[y == 3]) == 0
    assert probe.accuracy(x, train_labels) > 0.97


def test_a_constant_feature_breaks_nothing() -> None:
    x, y = separable(100, 5)
    x[:, 0] = 0
    assert Probe.fit(x, y).accuracy(x, y) > 0.9


def test_majority() -> None:
    assert majority(np.array([0, 0, 1, -1]), np.array([0, 1, 1, 1, -1])) == pytest.approx(0.25)


def test_pieces_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = separable(300, 6)
    whole = Probe.fit(x, y)
    monkeypatch.setattr(classification, "_AT_ONCE", 17)
    cut = Probe.fit(x, y)
    np.testing.assert_allclose(cut.weight, whole.weight, atol=1e-10)
    np.testing.assert_array_equal(cut.predict(x), whole.predict(x))


def test_it_answers_as_scikit_learns_ridge_classifier() -> None:
    x, y = separable(200, 7)
    x += np.random.default_rng(7).normal(size=x.shape).astype(np.float32)
    other, _ = separable(500, 8)
    scaler = StandardScaler().fit(x)
    reference = RidgeClassifier(alpha=RIDGE * len(x)).fit(scaler.transform(x), y)
    np.testing.assert_array_equal(Probe.fit(x, y).predict(other), reference.predict(scaler.transform(other)))
