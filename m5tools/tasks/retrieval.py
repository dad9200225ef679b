"""Product retrieval: rank a gallery for every query by the cosine of vectors, the query itself left out.

Coarse: a hit has the query's category. Fine: a hit is another offer of the same product (M5Product).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from m5tools.tasks import metrics
from m5tools.tasks.metrics import Counts, Hits

PLACES = max(metrics.KS)
CHUNK = 1024
"""Queries ranked at a time, which bounds memory at CHUNK × gallery scores."""

GRAMS = (3, 4, 5)
BUCKETS = 2**20


@dataclass(frozen=True)
class Task:
    """Which gallery items are right for which queries.

    Attributes:
        label: int64 `[N]`, category or cluster of every gallery item; -1 is nobody's match.
        queries: int64 `[Q]`, gallery items that are asked for; each has at least one other item of its label.
        positives: int64 `[Q]`, how many.
    """

    label: NDArray[np.int64]
    queries: NDArray[np.int64]
    positives: Counts

    @staticmethod
    def of(label: NDArray[np.int64], askable: NDArray[np.bool_]) -> Task:
        """The queries among `askable` (bool `[N]`) that have something to find."""
        _, inverse, count = np.unique(label, return_inverse=True, return_counts=True)
        others = np.where(label >= 0, count[inverse] - 1, 0)
        queries = np.flatnonzero(askable & (others > 0))
        return Task(label, queries, others[queries])

    def chance(self) -> dict[str, float]:
        """Expected metrics of a random ranking."""
        return metrics.chance(self.positives, len(self.label) - 1)


def dense_hits(task: Task, vectors: NDArray[np.float32], has: NDArray[np.bool_] | None = None) -> Hits:
    """Relevance of the first places, bool `[Q, 10]`, for unit vectors `[N, d]`.

    Gallery items without a vector (`has` False) rank last, and a query without one finds nothing.
    """
    return _hits(task, lambda rows: vectors[rows] @ vectors.T, has)


def sparse_hits(task: Task, vectors: sparse.csr_matrix) -> Hits:
    """The same for sparse unit rows `[N, F]`; an empty row has no vector."""
    has = np.diff(vectors.indptr) > 0
    return _hits(task, lambda rows: np.asarray((vectors[rows] @ vectors.T).todense(), dtype=np.float32), has)


def _hits(task: Task, score: Callable[[NDArray[np.int64]], NDArray[np.float32]], has: NDArray[np.bool_] | None) -> Hits:
    """Rank by `score(rows)`, `[len(rows), N]`."""
    places = min(PLACES, len(task.label) - 1)
    out = np.zeros((len(task.queries), PLACES), dtype=bool)
    for start in range(0, len(task.queries), CHUNK):
        rows = task.queries[start : start + CHUNK]
        scores = score(rows)
        if has is not None:
            scores[:, ~has] = -2.0
        scores[np.arange(len(rows)), rows] = -np.inf
        # Stable, so that ties fall in gallery order on every machine.
        best = np.argsort(-scores, axis=1, kind="stable")[:, :places]
        out[start : start + len(rows), :places] = task.label[best] == task.label[rows][:, None]
    if has is not None:
        out[~has[task.queries]] = False
    return out


def title_vectors(titles: Iterable[str]) -> sparse.csr_matrix:
    """TF-IDF of hashed character 3- to 5-grams of titles, unit rows `[N, 2**20]`: nothing is learned but the IDF.

    The baseline every learned text vector has to beat. Case is folded and blanks are one space; an empty title
    gives an empty row.
    """
    indices: list[NDArray[np.int64]] = []
    for title in titles:
        text = " ".join(title.casefold().split())
        raw = np.frombuffer(f" {text} ".encode("utf-32-le"), dtype="<u4").astype(np.uint64) if text else None
        indices.append(_grams(raw) if raw is not None else np.zeros(0, dtype=np.int64))
    pointers = np.concatenate([[0], np.cumsum([len(i) for i in indices])]).astype(np.int64)
    columns = np.concatenate(indices) if indices else np.zeros(0, dtype=np.int64)
    counts = sparse.csr_matrix((np.ones(len(columns)), columns, pointers), shape=(len(indices), BUCKETS))
    counts.sum_duplicates()
    documents = np.bincount(counts.indices, minlength=BUCKETS)
    weighted = counts.multiply(np.log((1 + len(indices)) / (1 + documents)) + 1).tocsr()
    lengths = np.sqrt(np.asarray(weighted.multiply(weighted).sum(1)).ravel())
    return sparse.diags(1 / np.where(lengths > 0, lengths, 1)).dot(weighted).tocsr()


def _grams(codes: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Buckets of all n-grams of one text: a polynomial hash of the code points, mixed and cut to 20 bits."""
    out = []
    for n in GRAMS:
        if len(codes) >= n:
            value = np.zeros(len(codes) - n + 1, dtype=np.uint64)
            for offset in range(n):
                value = value * np.uint64(1_000_003) + codes[offset : offset + len(value)] + np.uint64(n)
            value *= np.uint64(0x9E3779B97F4A7C15)
            out.append((value >> np.uint64(44)).astype(np.int64))
    return np.concatenate(out) if out else np.zeros(0, dtype=np.int64)
