"""Retrieval metrics in two definitions: the usual one, and that of M5Product's released evaluator.

They are not comparable: on rankings like the paper's the released mAP@10 comes out at more than twice the usual one.
Everything here works on the relevance of the first places, query already taken out of its own gallery.

The released evaluator (`evaluate_unit_v2.py` on lists of `retrieval_unit_id_list_v2.py`) differs in four points:

- k is cut to the number of right answers, and among these it counts the query itself and those outside the gallery;
- AP is divided by the hits *found*, not by those there are: one hit at rank 1 scores 1, however many were missed;
- precision is divided by the cut k;
- the query leaves a list of exactly ten, so that where it lies in its own gallery nine are left.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

KS: Final = (1, 5, 10)
PLACES: Final = max(KS)
LISTED_WITH_QUERY: Final = PLACES - 1
"""Places of the released evaluator's list that are left where the query was one of them."""

METRICS: Final = tuple(f"{name}@{k}" for k in KS for name in ("mAP", "Prec", "recall", "mAP_released", "Prec_released"))

Hits = NDArray[np.bool_]
Counts = NDArray[np.int64]
Values = NDArray[np.float64]


def average_precision(hits: Hits, positives: Counts, k: int) -> Values:
    """Usual AP@k of each query: precision at every hit among the first k, summed, over min(k, positives).

    Args:
        hits: bool `[Q, >= k]`, relevance by rank.
        positives: int64 `[Q]`, relevant items in the gallery, at least 1.
    """
    return np.asarray(_gain(hits[:, :k]) / np.minimum(k, positives), np.float64)


def average_precision_released(hits: Hits, truth: Counts, listed: Counts, k: int) -> Values:
    """AP@k of the released evaluator: the sum over the hits found among the first min(k, truth, listed).

    Args:
        hits: bool `[Q, >= k]`.
        truth: int64 `[Q]`, products with the query's label anywhere, itself among them.
        listed: int64 `[Q]`, places of its list: ten, nine where the query was one of them.
    """
    kept = _cut(hits, truth, listed, k)
    return np.asarray(_gain(kept) / np.maximum(kept.sum(1), 1), np.float64)


def precision(hits: Hits, k: int) -> Values:
    """Share of relevant items among the first k."""
    return np.asarray(hits[:, :k].mean(1), np.float64)


def precision_released(hits: Hits, truth: Counts, listed: Counts, k: int) -> Values:
    """Precision of the released evaluator: among the first min(k, truth, listed)."""
    places = np.minimum(k, np.minimum(truth, listed))
    return np.asarray(_cut(hits, truth, listed, k).sum(1) / places, np.float64)


def recall(hits: Hits, positives: Counts, k: int) -> Values:
    """Share of the relevant items that are among the first k."""
    return np.asarray(hits[:, :k].sum(1) / positives, np.float64)


def values(hits: Hits, positives: Counts, truth: Counts | None = None, listed: Counts | None = None) -> Values:
    """Every metric of every query, float64 `[Q, len(METRICS)]`.

    Args:
        hits: bool `[Q, 10]`.
        positives: int64 `[Q]`, relevant items in the gallery.
        truth, listed: what the released definition counts (:func:`average_precision_released`); by default the query
            lies in its own gallery and all its right answers do.
    """
    truth = positives + 1 if truth is None else truth
    listed = np.full(len(positives), LISTED_WITH_QUERY) if listed is None else listed
    columns = []
    for k in KS:
        columns += [
            average_precision(hits, positives, k),
            precision(hits, k),
            recall(hits, positives, k),
            average_precision_released(hits, truth, listed, k),
            precision_released(hits, truth, listed, k),
        ]
    return np.column_stack(columns)


def summary(
    hits: Hits, positives: Counts, truth: Counts | None = None, listed: Counts | None = None
) -> dict[str, float]:
    """Every metric, averaged over queries: `mAP@k`, `Prec@k`, `recall@k`, and `mAP_released@k`, `Prec_released@k`."""
    return named(values(hits, positives, truth, listed).mean(0))


def named(row: Values) -> dict[str, float]:
    """The metrics of one row, by name."""
    return dict(zip(METRICS, row.tolist(), strict=True))


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


def _cut(hits: Hits, truth: Counts, listed: Counts, k: int) -> Hits:
    places = np.minimum(truth, listed)[:, None]
    return hits[:, :k] & (np.arange(min(k, hits.shape[1])) < places)
