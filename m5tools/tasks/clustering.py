"""Clustering of products by k-means, judged by their categories: NMI and purity (M5Product)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

_ROUNDS = 30


def k_means(vectors: NDArray[np.float32], clusters: int, seed: int) -> NDArray[np.int64]:
    """Lloyd's k-means by faiss, on one thread: cluster numbers `[N]`, the same for the same seed.

    Centres are fitted on at most 256 vectors a cluster, drawn by the seed; all vectors are then assigned.

    Args:
        vectors: float32 `[N, d]`.
        clusters: how many, at most N.
        seed: of the first centres.
    """
    import faiss

    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        x = np.ascontiguousarray(vectors, np.float32)
        means: Any = faiss.Kmeans(x.shape[1], clusters, niter=_ROUNDS, seed=seed, min_points_per_centroid=1)
        means.train(x)
        _, nearest = means.index.search(x, 1)
    finally:
        faiss.omp_set_num_threads(threads)
    return np.asarray(nearest[:, 0], np.int64)


def nmi(labels: NDArray[np.int64], clusters: NDArray[np.int64]) -> float:
    """Normalised mutual information: over the arithmetic mean of both entropies, 0 where both are of one piece."""
    table = _contingency(labels, clusters).tocoo()
    share = table.data / table.data.sum()
    one, other = (np.asarray(np.bincount(side, share), np.float64) for side in (table.row, table.col))
    mutual = float((share * np.log(share / (one[table.row] * other[table.col]))).sum())
    entropies = _entropy(one) + _entropy(other)
    return max(mutual, 0.0) / (entropies / 2) if entropies > 0 else 0.0


def purity(labels: NDArray[np.int64], clusters: NDArray[np.int64]) -> float:
    """Share of products that have the most frequent label of their cluster."""
    table = _contingency(labels, clusters)
    return float(table.max(axis=0).toarray().sum() / len(labels))


def _contingency(labels: NDArray[np.int64], clusters: NDArray[np.int64]) -> Any:
    """Products of each label (row) and cluster (column), both numbered through."""
    rows, columns = (np.unique(values, return_inverse=True)[1] for values in (labels, clusters))
    table = sparse.csc_matrix((np.ones(len(rows)), (rows, columns)))
    table.sum_duplicates()
    return table


def _entropy(share: NDArray[np.float64]) -> float:
    known = share[share > 0]
    return float(-(known * np.log(known)).sum())
