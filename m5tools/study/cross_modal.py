"""Retrieval across modalities: shown one modality of a product, find it among products of which another one is shown.

Both sides are embedded with nothing else to be seen, so a network with one vector a product is asked the same question
as one with a vector a modality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np

from m5tools.scale.checkpoint import Trained
from m5tools.scale.embed import Embeddings, embed
from m5tools.scale.source import Products
from m5tools.tasks import metrics
from m5tools.tasks.metrics import Values
from m5tools.tasks.retrieval import Task, dense_hits
from m5tools.vocabulary import Modality

BATCH: Final = 64
NOTHING_SHARED: Final = 1e-6
"""Cosine up to which vectors of two modalities have no direction in common."""


@dataclass(frozen=True)
class Crossing:
    """One direction, such as picture → text.

    Attributes:
        ids: products that ask, those that have both modalities.
        gallery: how many products are searched, those that have the sought modality; one of them is right.
        values: float64 `[Q, len(METRICS)]`, every metric of every query.
        answered: whether the two modalities have anything in common; where not, any ranking is one by chance.
    """

    ids: tuple[str, ...]
    gallery: int
    values: Values
    answered: bool

    def chance(self) -> dict[str, float]:
        """Expected metrics of a random ranking, the same for every query."""
        return metrics.chance(np.ones(1, np.int64), self.gallery)


def crossings(
    trained: Trained, products: Products, split: str, modalities: Sequence[Modality]
) -> dict[tuple[Modality, Modality], Crossing]:
    """Every direction between these modalities, in the split."""
    shown = {
        m: embed(trained, products.open(split, (m,), batch_size=BATCH, shuffle=False, drop_last=False))
        for m in modalities
    }  # fmt: skip
    return {(a, b): cross(shown[a], shown[b]) for a, b in permutations(modalities, 2)}


def cross(asking: Embeddings, searched: Embeddings) -> Crossing:
    """Queries of one set of vectors, a gallery of another; a product's own vector is the one right answer."""
    place = {name: at for at, name in enumerate(searched.ids)}
    rows = np.array([at for at, name in enumerate(asking.ids) if name in place], np.int64)
    label = np.concatenate([[place.get(name, -1) for name in asking.ids], np.arange(len(searched))]).astype(np.int64)
    ones = np.ones(len(rows), np.int64)
    task = Task(label, rows, len(asking) + np.arange(len(searched)), ones, ones)
    vectors = np.concatenate([asking.fused, searched.fused])
    has = np.concatenate([asking.present.any(1), searched.present.any(1)])
    shared = asking.fused @ searched.fused.T
    answered = bool(shared.size and np.abs(shared).max() > NOTHING_SHARED)
    return Crossing(
        tuple(asking.ids[row] for row in rows), len(searched), task.values(dense_hits(task, vectors, has)), answered
    )
