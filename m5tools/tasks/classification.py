"""Category classification by a linear probe on frozen vectors (M5Product)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

RIDGE: Final = 1e-2
"""Penalty per training row on standardised features."""

_AT_ONCE: Final = 32_768
"""Rows that are in memory as float64 at a time."""


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
        known = np.flatnonzero(labels >= 0)
        classes, index = np.unique(labels[known], return_inverse=True)
        mean = sum(x.sum(0) for x in _pieces(vectors, known)) / len(known)
        variance = sum(np.square(x - mean).sum(0) for x in _pieces(vectors, known)) / len(known)
        deviation = np.maximum(np.sqrt(variance), 1e-6)
        size = vectors.shape[1] + 1
        gram, target = np.zeros((size, size)), np.zeros((len(classes), size))
        at = 0
        for x in _pieces(vectors, known):
            told = np.column_stack([(x - mean) / deviation, np.ones(len(x))])
            gram += told.T @ told
            np.add.at(target, index[at : at + len(x)], told)
            at += len(x)
        penalty = np.full(size, RIDGE * len(known))
        penalty[-1] = 0
        return Probe(mean, deviation, np.linalg.solve(gram + np.diag(penalty), target.T), classes)

    def predict(self, vectors: NDArray[np.float32]) -> NDArray[np.int64]:
        """Class numbers `[N]`."""
        out = np.empty(len(vectors), np.int64)
        at = 0
        for piece in _pieces(vectors, np.arange(len(vectors))):
            x = (piece - self.mean) / self.deviation
            out[at : at + len(x)] = self.classes[(x @ self.weight[:-1] + self.weight[-1]).argmax(1)]
            at += len(x)
        return out

    def right(self, vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        """bool `[N]`: whose class is told; a class never seen in training is not."""
        answers: NDArray[np.bool_] = self.predict(vectors) == labels
        return answers

    def accuracy(self, vectors: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        """Share of right answers among rows of known class; a class never seen in training counts as wrong."""
        known = labels >= 0
        return float(self.right(vectors[known], labels[known]).mean())


def majority(train: NDArray[np.int64], test: NDArray[np.int64]) -> float:
    """Accuracy of always answering the most frequent training class: the level a probe has to beat."""
    classes, counts = np.unique(train[train >= 0], return_counts=True)
    return float((test[test >= 0] == classes[counts.argmax()]).mean())


def _pieces(vectors: NDArray[np.float32], rows: NDArray[np.int64]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield vectors[rows[start : start + _AT_ONCE]].astype(np.float64)
