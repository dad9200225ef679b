"""Product retrieval: rank a gallery for every query by the cosine of vectors, the query itself left out.

Coarse: a hit has the query's category. Fine: a hit is another offer of the same product (M5Product). Who asks and who
answers is either drawn from the roles that `m5 split` gave, or everyone asks and everyone answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from m5tools.tasks import metrics
from m5tools.tasks.metrics import LISTED_WITH_QUERY, PLACES, Counts, Hits, Values
from m5tools.tasks.search import FAISS_FROM, Dense, Rows, Space, Sparse, nearest


@dataclass(frozen=True)
class Task:
    """Which gallery items are right for which queries.

    Attributes:
        label: int64 `[N]`, category or cluster of every product; -1 is nobody's match.
        queries: int64 `[Q]`, products that are asked for; each has at least one other product of its label in the
            gallery.
        gallery: int64 `[G]`, products that are searched.
        positives: int64 `[Q]`, how many of them are right.
        truth: int64 `[Q]`, products with the query's label among queries and gallery, itself among them.
    """

    label: NDArray[np.int64]
    queries: Rows
    gallery: Rows
    positives: Counts
    truth: Counts

    @staticmethod
    def of(label: NDArray[np.int64], askable: NDArray[np.bool_]) -> Task:
        """Everyone is searched, and whoever is `askable` (bool `[N]`) and has something to find asks."""
        return Task.between(label, askable, np.ones(len(label), bool))

    @staticmethod
    def between(label: NDArray[np.int64], asking: NDArray[np.bool_], searched: NDArray[np.bool_]) -> Task:
        """The products `asking` (bool `[N]`) that have something to find among those `searched` (bool `[N]`)."""
        known = label >= 0
        size = int(label.max(initial=-1)) + 1
        there = np.bincount(label[known & searched], minlength=size)
        anywhere = np.bincount(label[known & (searched | asking)], minlength=size)
        positives = np.where(known, np.append(there, 0)[label] - searched, 0)
        queries = np.flatnonzero(asking & (positives > 0))
        return Task(label, queries, np.flatnonzero(searched), positives[queries], anywhere[label[queries]])

    @cached_property
    def listed(self) -> Counts:
        """int64 `[Q]`: places of the released evaluator's list that are left without the query."""
        return np.where(np.isin(self.queries, self.gallery), LISTED_WITH_QUERY, PLACES)

    @property
    def distractors(self) -> int:
        """Products of the gallery that are right for nobody."""
        return int((~np.isin(self.label[self.gallery], self.label[self.queries])).sum())

    def chance(self) -> dict[str, float]:
        """Expected usual metrics of a random ranking."""
        ranked = len(self.gallery) - int(np.isin(self.queries, self.gallery).any())
        return metrics.chance(self.positives, ranked)

    def values(self, hits: Hits) -> Values:
        """Every metric of every query, `[Q, len(METRICS)]`."""
        return metrics.values(hits, self.positives, self.truth, self.listed)


def dense_hits(
    task: Task, vectors: NDArray[np.float32], has: NDArray[np.bool_] | None = None, by_faiss: bool | None = None
) -> Hits:
    """Relevance of the first places, bool `[Q, 10]`, for unit vectors `[N, d]`.

    Who has no vector (`has` False) is not found, and finds nothing.

    Args:
        by_faiss: who proposes candidates; None = faiss for a large gallery. The answer is the same.
    """
    large = len(task.gallery) >= FAISS_FROM if by_faiss is None else by_faiss
    return _hits(task, Dense(vectors, large), has)


def sparse_hits(task: Task, vectors: sparse.csr_matrix) -> Hits:
    """The same for sparse unit rows `[N, F]`; an empty row has no vector."""
    return _hits(task, Sparse(vectors), np.diff(vectors.indptr) > 0)


def _hits(task: Task, space: Space, has: NDArray[np.bool_] | None) -> Hits:
    there = np.ones(len(task.label), bool) if has is None else has
    out = np.zeros((len(task.queries), PLACES), bool)
    asking = np.flatnonzero(there[task.queries])
    queries = task.queries[asking]
    found = nearest(space, queries, task.gallery[there[task.gallery]])
    out[asking] = (task.label[found] == task.label[queries][:, None]) & (found >= 0)
    return out
