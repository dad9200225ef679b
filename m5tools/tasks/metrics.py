"""Retrieval metrics in two definitions: the usual one, and that of M5Product's released evaluator.

They are not comparable: on rankings like the paper's the released mAP@10 comes out at more than twice the usual one.
Everything here works on the relevance of the first places, query already taken out of its own gallery.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KS = (1, 5, 10)

Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
Values = NDArray[np.floating]


def average_precision(hits: Hits, positives: Counts, k: int) -> Values:
    """Usual AP@k of each query: precision at every hit among the first k, summed, over min(k, positives).

    Args:
        hits: bool `[Q, >= k]`, relevance by rank.
        positives: int64 `[Q]`, relevant items in the gallery, at least 1.
    """
    return np.asarray(_gain(hits[:, :k]) / np.minimum(k, positives))


def average_precision_released(hits: Hits, positives: Counts, k: int) -> Values:
    """AP@k of the released evaluator: k cut to the number of positives, and the sum over the *hits found*.

    A single hit at rank 1 thus scores 1 however many positives were missed. The release also counts the query among
    its own positives; that is left out here.
    """
    kept = _cut(hits, positives, k)
    return np.asarray(_gain(kept) / np.maximum(kept.sum(1), 1))


def precision(hits: Hits, k: int) -> Values:
    """Share of relevant items among the first k."""
    return np.asarray(hits[:, :k].mean(1))


def precision_released(hits: Hits, positives: Counts, k: int) -> Values:
    """Precision of the released evaluator: among the first min(k, positives)."""
    return np.asarray(_cut(hits, positives, k).sum(1) / np.minimum(k, positives))


def recall(hits: Hits, positives: Counts, k: int) -> Values:
    """Share of the relevant items that are among the first k."""
    return np.asarray(hits[:, :k].sum(1) / positives)


def summary(hits: Hits, positives: Counts) -> dict[str, float]:
    """Every metric, averaged over queries: `mAP@k`, `Prec@k`, `recall@k`, and `mAP_released@k`, `Prec_released@k`."""
    out: dict[str, float] = {}
    for k in KS:
        out[f"mAP@{k}"] = float(average_precision(hits, positives, k).mean())
        out[f"Prec@{k}"] = float(precision(hits, k).mean())
        out[f"recall@{k}"] = float(recall(hits, positives, k).mean())
        out[f"mAP_released@{k}"] = float(average_precision_released(hits, positives, k).mean())
        out[f"Prec_released@{k}"] = float(precision_released(hits, positives, k).mean())
    return out


def chance(positives: Counts, gallery: int) -> dict[str, float]:
    """Expected usual metrics of a random ranking, exactly.

    With R of N items relevant, rank r is relevant with probability R/N, and given that, an earlier rank is with
    probability (R - 1)/(N - 1).

    Args:
        positives: int64 `[Q]`.
        gallery: N, items ranked for each query (the query itself not among them).
    """
    share = positives / gallery
    other = (positives - 1) / max(gallery - 1, 1)
    out: dict[str, float] = {}
    for k in KS:
        rank = np.arange(1, min(k, gallery) + 1)[:, None]
        gain = (share * (1 + (rank - 1) * other) / rank).sum(0)
        out[f"mAP@{k}"] = float((gain / np.minimum(k, positives)).mean())
        out[f"Prec@{k}"] = float((share * min(k, gallery) / k).mean())
        out[f"recall@{k}"] = float(min(k, gallery) / gallery)
    return out


def _gain(hits: Hits) -> Values:
    ranks = np.arange(1, hits.shape[1] + 1)
    gain: Values = (hits * hits.cumsum(1) / ranks).sum(1)
    return gain


def _cut(hits: Hits, positives: Counts, k: int) -> Hits:
    return hits[:, :k] & (np.arange(min(k, hits.shape[1])) < positives[:, None])
