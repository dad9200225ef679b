"""How often a sample comes in an epoch, by the size of its class: the formulas that the loader and overlays share.

All take sizes of classes, int64 or float64 [classes], each above 0, and give a factor for each, float64 [classes]: 2 is
twice in every epoch, 0.25 every fourth epoch.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Sizes = NDArray[Any]
Factors = NDArray[np.float64]
Rule = Literal["square_root", "class_balanced", "effective_number", "class_cap"]


def repeat_factor(frequency: Sizes, threshold: float, cap: float) -> Factors:
    """`max(1, √(threshold / frequency))`, at most `cap`: Gupta, Dollár & Girshick 2019 (LVIS), section 5.1.

    Args:
        frequency: share of the samples in each class; 0 is allowed and gives the cap.
        threshold: classes with a smaller share are repeated.
        cap: the largest factor.
    """
    with np.errstate(divide="ignore"):
        factors: Factors = np.clip(np.sqrt(threshold / frequency), 1.0, cap)
    return factors


def square_root(sizes: Sizes) -> Factors:
    """In proportion to 1 / √n: a class is drawn as often as the root of its size says (Mahajan et al. 2018)."""
    return np.asarray(1 / np.sqrt(np.asarray(sizes, np.float64)))


def class_balanced(sizes: Sizes) -> Factors:
    """In proportion to 1 / n: every class is drawn equally often."""
    return np.asarray(1 / np.asarray(sizes, np.float64))


def effective_number(sizes: Sizes, beta: float) -> Factors:
    """In proportion to (1 − β) / (1 − βⁿ), one over the effective number of samples.

    β = 0 leaves all alike, β → 1 is :func:`class_balanced`; a class counts as no more than 1 / (1 − β) samples.
    Source: Cui, Jia, Lin, Song & Belongie 2019, "Class-Balanced Loss Based on Effective Number of Samples".
    """
    sizes = np.asarray(sizes, np.float64)
    if beta == 0:
        return np.ones_like(sizes)
    return np.asarray((1 - beta) / -np.expm1(sizes * np.log(beta)))


def class_cap(sizes: Sizes, most: float) -> Factors:
    """`min(1, most / n)`: no class gives more than `most` samples an epoch on average, and none is repeated."""
    return np.asarray(np.minimum(1.0, most / np.asarray(sizes, np.float64)))


def same_length(weights: Factors, sizes: Sizes, cap: float) -> Factors:
    """Weights scaled so that an epoch is as long as without them, and no sample comes more often than `cap`.

    What the cap takes from rare classes goes to the others, in proportion to their weights.

    Args:
        weights: above 0, of any scale, [classes].
        sizes: of the classes.
        cap: at least 1.
    """
    weights, sizes = np.asarray(weights, np.float64), np.asarray(sizes, np.float64)
    if not len(weights):
        return weights
    order = np.argsort(-weights, kind="stable")
    w, n = weights[order], sizes[order]
    # With the k heaviest classes at the cap, this scale fills the epoch with the others.
    capped = np.concatenate([[0.0], np.cumsum(n)[:-1]]) * cap
    rest = np.cumsum((n * w)[::-1])[::-1]
    scale = (n.sum() - capped) / rest
    first = int(np.argmax(scale * w <= cap)) if (scale * w <= cap).any() else len(w) - 1
    return np.asarray(np.minimum(cap, weights * scale[first]))


def factors(rule: Rule, sizes: Sizes, *, beta: float, most: float, cap: float) -> Factors:
    """The factors of a rule; those that repeat keep the length of the epoch (:func:`same_length`)."""
    match rule:
        case "square_root":
            return same_length(square_root(sizes), sizes, cap)
        case "class_balanced":
            return same_length(class_balanced(sizes), sizes, cap)
        case "effective_number":
            return same_length(effective_number(sizes, beta), sizes, cap)
        case "class_cap":
            return class_cap(sizes, most)
