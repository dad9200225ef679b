"""Titles as TF-IDF vectors: the baseline that every learned vector of a text has to beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

GRAMS: Final = (3, 4, 5)
BUCKETS: Final = 2**20

_AT_ONCE: Final = 16_384


def title_vectors(titles: Iterable[str]) -> sparse.csr_matrix:
    """TF-IDF of hashed character 3- to 5-grams of titles, unit rows `[N, 2**20]`: nothing is learned but the IDF.

    Case is folded and blanks are one space; an empty title gives an empty row. About 1 kB a title of 40 characters.
    """
    several = [_counted(piece) for piece in _pieces(titles)]
    counts = sparse.vstack(several, format="csr") if several else sparse.csr_matrix((0, BUCKETS))
    documents = np.bincount(counts.indices, minlength=BUCKETS)
    worth = np.log((1 + counts.shape[0]) / (1 + documents)) + 1
    counts.data *= worth[counts.indices]
    lengths = np.sqrt(np.asarray(counts.multiply(counts).sum(1)).ravel())
    counts.data /= np.repeat(np.where(lengths > 0, lengths, 1), np.diff(counts.indptr))
    return counts


def _pieces(titles: Iterable[str]) -> Iterator[Sequence[str]]:
    left = iter(titles)
    while piece := list(islice(left, _AT_ONCE)):
        yield piece


def _counted(titles: Sequence[str]) -> sparse.csr_matrix:
    """How often each bucket's n-grams stand in each title, float64."""
    rows = [_grams(title) for title in titles]
    pointers = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int32)
    columns = np.concatenate(rows)
    counts = sparse.csr_matrix((np.ones(len(columns)), columns, pointers), shape=(len(titles), BUCKETS))
    counts.sum_duplicates()
    return counts


def _grams(title: str) -> NDArray[np.int32]:
    """Buckets of all n-grams of one title: a polynomial hash of the code points, mixed and cut to 20 bits."""
    text = " ".join(title.casefold().split())
    if not text:
        return np.zeros(0, np.int32)
    codes = np.frombuffer(f" {text} ".encode("utf-32-le"), dtype="<u4").astype(np.uint64)
    out = []
    for n in GRAMS:
        if len(codes) >= n:
            value = np.zeros(len(codes) - n + 1, dtype=np.uint64)
            for offset in range(n):
                value = value * np.uint64(1_000_003) + codes[offset : offset + len(value)] + np.uint64(n)
            value *= np.uint64(0x9E3779B97F4A7C15)
            out.append((value >> np.uint64(44)).astype(np.int32))
    return np.concatenate(out) if out else np.zeros(0, np.int32)
