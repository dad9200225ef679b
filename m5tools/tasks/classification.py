"""Category classification by a linear probe on frozen vectors (M5Product)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

RIDGE = 1e-2
"""Penalty per training row on standardised features."""


@dataclass(frozen=True)
class Probe:
    """Ridge regression to one-hot classes in closed form: no seed, no iteration, the same answer everywhere.

    Attributes:
        mean, deviation: of the training features, `[d]`.
        weight: `[d + 1, C]`, the last row is the bias.
        classes: int64 `[C]`, class numbers seen in training.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    weight: NDArray[np.floating]
    classes: NDArray[np.int64]

    @staticmethod
    def fit(vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> Probe:
        """Train on vectors `[N, d]` and class numbers `[N]`; rows of unknown class (-1) are left out."""
        known = labels >= 0
        x, y = vectors[known].astype(np.float64), labels[known]
        mean, deviation = x.mean(0), np.maximum(x.std(0), 1e-6)
        classes, index = np.unique(y, return_inverse=True)
        x = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
        penalty = np.full(x.shape[1], RIDGE * len(x))
        penalty[-1] = 0
        weight = np.linalg.solve(x.T @ x + np.diag(penalty), x.T @ np.eye(len(classes))[index])
        return Probe(mean, deviation, weight, classes)

    def predict(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Class numbers `[N]`."""
        x = (vectors.astype(np.float64) - self.mean) / self.deviation
        best = (x @ self.weight[:-1] + self.weight[-1]).argmax(1)
        chosen: NDArray[np.int64] = self.classes[best]
        return chosen

    def accuracy(self, vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        """Share of right answers among rows of known class; a class never seen in training counts as wrong."""
        known = labels >= 0
        return float((self.predict(vectors[known]) == labels[known]).mean())


def majority(train: NDArray[np.int64], test: NDArray[np.int64]) -> float:
    """Accuracy of always answering the most frequent training class: the level a probe has to beat."""
    classes, counts = np.unique(train[train >= 0], return_counts=True)
    return float((test[test >= 0] == classes[counts.argmax()]).mean())
