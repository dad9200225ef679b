"""The nearest of a gallery, exactly, in bounded memory: by NumPy where it is small, by faiss where it is large.

Both give the same answer. Whatever computes the products of float32 vectors only proposes candidates, a few more than
there are places; these are scored again in float64, to six digits, and ties fall in the order of the gallery. Where so
many are alike that the candidates cannot be all that count, more are taken.
"""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from m5tools.tasks.metrics import PLACES

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]

FAISS_FROM: Final = 20_000
"""Vectors of a gallery from which faiss is asked: no faster on one thread, but in a fifth of the memory."""

_QUERIES: Final = 512
_GALLERY: Final = 32_768
"""Queries and gallery items compared at a time: 64 MB of scores."""
_MARGIN: Final = 32
_MOST: Final = 1_024
"""Candidates beyond the places, and the most there are of them; only where more than these are alike to six digits
does it depend on who proposes which of them come first."""
_DIGITS: Final = 6
_SLACK: Final = 1e-5
"""By how much a product of float32 unit vectors may be off."""
_CELLS: Final = 1 << 22
"""Numbers gathered at a time to score candidates again: 32 MB."""


class Space(Protocol):
    """Vectors that can be compared."""

    def top(self, queries: Rows, gallery: Rows, count: int) -> tuple[NDArray[np.float32], Rows]:
        """The `count` best of a piece of the gallery for each query, in any order: scores and positions in the piece,
        both `[Q, count]`."""
        ...

    def exact(self, queries: Rows, others: Rows) -> Scores:
        """Scores of queries `[Q]` with `others` `[Q, K]`, float64."""
        ...


class Dense:
    """Unit vectors `[N, d]`, an array in memory or mapped from a file.

    Args:
        vectors: float32.
        by_faiss: whether faiss proposes the candidates.
    """

    def __init__(self, vectors: NDArray[np.float32], by_faiss: bool) -> None:
        self.vectors = vectors
        self.by_faiss = by_faiss

    def top(self, queries: Rows, gallery: Rows, count: int) -> tuple[NDArray[np.float32], Rows]:
        asked, offered = self._take(queries), self._take(gallery)
        if not self.by_faiss:
            return _best(asked @ offered.T, count)
        import faiss

        scores, places = faiss.knn(asked, offered, count, metric=faiss.METRIC_INNER_PRODUCT)
        return scores, places.astype(np.int64)

    def exact(self, queries: Rows, others: Rows) -> Scores:
        out = np.empty(others.shape)
        step = max(1, _CELLS // (others.shape[1] * self.vectors.shape[1]))
        for start in range(0, len(queries), step):
            here = slice(start, start + step)
            asked = self.vectors[queries[here]].astype(np.float64)
            offered = self.vectors[others[here].ravel()].astype(np.float64)
            out[here] = np.einsum("qd,qkd->qk", asked, offered.reshape(*others[here].shape, -1))
        return out

    def _take(self, rows: Rows) -> NDArray[np.float32]:
        return np.ascontiguousarray(self.vectors[rows], np.float32)


class Sparse:
    """Sparse unit rows `[N, F]`."""

    def __init__(self, vectors: sparse.csr_matrix) -> None:
        self.vectors = vectors

    def top(self, queries: Rows, gallery: Rows, count: int) -> tuple[NDArray[np.float32], Rows]:
        scores = (self.vectors[queries] @ self.vectors[gallery].T).toarray()
        return _best(np.asarray(scores, np.float32), count)

    def exact(self, queries: Rows, others: Rows) -> Scores:
        out = np.empty(others.shape)
        for start in range(0, len(queries), _QUERIES):
            here = slice(start, start + _QUERIES)
            asked = self.vectors[np.repeat(queries[here], others.shape[1])]
            scores = asked.multiply(self.vectors[others[here].ravel()]).sum(1)
            out[here] = np.asarray(scores).reshape(others[here].shape)
        return out


def nearest(space: Space, queries: Rows, gallery: Rows, places: int = PLACES) -> Rows:
    """The rows of the gallery that come first for each query, the query itself left out.

    Args:
        space: all vectors.
        queries: int64 `[Q]`, rows of them.
        gallery: int64 `[G]`, distinct rows, in the order in which ties fall.

    Returns:
        int64 `[Q, places]`, -1 where the gallery holds no more.
    """
    out = np.full((len(queries), places), -1, np.int64)
    if not len(gallery):
        return out
    for start in range(0, len(queries), _QUERIES):
        here = slice(start, start + _QUERIES)
        out[here] = _ranked(space, queries[here], gallery, places)
    return out


def _ranked(space: Space, queries: Rows, gallery: Rows, places: int) -> Rows:
    out = np.full((len(queries), places), -1, np.int64)
    open_ = np.arange(len(queries))
    for wanted in (places + 1 + _MARGIN, max(_MOST, places + 1)):
        count = min(wanted, len(gallery))
        scores, found = _candidates(space, queries[open_], gallery, count)
        exact = space.exact(queries[open_], gallery[found]).round(_DIGITS)
        exact[gallery[found] == queries[open_][:, None]] = -np.inf
        order = np.lexsort((found, -exact))[:, :places]
        first = np.take_along_axis(gallery[found], order, 1)
        reached = np.take_along_axis(exact, order, 1)
        first[np.isneginf(reached)] = -1
        out[open_, : first.shape[1]] = first
        if count == len(gallery):
            break
        open_ = open_[scores.min(1) >= reached[:, -1] - _SLACK]
        if not len(open_):
            break
    return out


def _candidates(space: Space, queries: Rows, gallery: Rows, count: int) -> tuple[NDArray[np.float32], Rows]:
    """The `count` best of the whole gallery by float32: scores and positions in it."""
    scores: NDArray[np.float32] = np.empty((len(queries), 0), np.float32)
    found: Rows = np.empty((len(queries), 0), np.int64)
    for start in range(0, len(gallery), _GALLERY):
        piece = gallery[start : start + _GALLERY]
        near, places = space.top(queries, piece, min(count, len(piece)))
        scores, found = np.hstack([scores, near]), np.hstack([found, places + start])
        if scores.shape[1] > count:
            kept = np.argpartition(-scores, count - 1, axis=1)[:, :count]
            scores, found = np.take_along_axis(scores, kept, 1), np.take_along_axis(found, kept, 1)
    return scores, found


def _best(scores: NDArray[np.float32], count: int) -> tuple[NDArray[np.float32], Rows]:
    if count < scores.shape[1]:
        places = np.argpartition(-scores, count - 1, axis=1)[:, :count].astype(np.int64)
    else:
        places = np.broadcast_to(np.arange(scores.shape[1]), scores.shape).copy()
    return np.take_along_axis(scores, places, 1), places
