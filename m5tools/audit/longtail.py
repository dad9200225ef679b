"""The long tail in numbers: pure functions on the sizes of classes.

Every function takes an array of class sizes, int64 or float64, shape [classes], each above 0, in any order.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from m5tools.concentration import Sizes, bottom_share, effective_classes, gini, top_share
from m5tools.vocabulary import HEAD_SHARE, MIDDLE_SHARE, Band


@dataclass(frozen=True)
class BandSize:
    """How much of the dataset one band is.

    Attributes:
        classes: how many classes.
        items: how many items they hold.
        share: of all items.
        smallest: size of its smallest class, 0 where the band is empty.
    """

    band: str
    classes: int
    items: int
    share: float
    smallest: int


@dataclass(frozen=True)
class Tail:
    """The numbers of one long tail; all shares are 0–1 of the items.

    Attributes:
        classes: how many classes there are.
        items: how many items they hold together.
        largest, median, smallest: class sizes.
        gini: 0 = all classes of one size, towards 1 = one class holds everything.
        effective_classes: number of equally large classes that would be as diverse (exp of the Shannon entropy).
        singletons: classes of one item.
        up_to_10, up_to_100: classes of at most that many items.
        top_1, top_10, top_20: share held by the largest 1, 10 and 20 % of the classes.
        bottom_half: share held by the smaller half of the classes.
        bands: head, middle and tail.
    """

    classes: int
    items: int
    largest: int
    median: float
    smallest: int
    gini: float
    effective_classes: float
    singletons: int
    up_to_10: int
    up_to_100: int
    top_1: float
    top_10: float
    top_20: float
    bottom_half: float
    bands: tuple[BandSize, ...]


def measure(sizes: Sizes) -> Tail:
    """All numbers of a long tail; zeros where there are no classes."""
    ordered = np.sort(np.asarray(sizes, dtype=np.int64))[::-1]
    some = ordered.size > 0
    return Tail(
        classes=int(ordered.size),
        items=int(ordered.sum()),
        largest=int(ordered[0]) if some else 0,
        median=float(np.median(ordered)) if some else 0.0,
        smallest=int(ordered[-1]) if some else 0,
        gini=gini(ordered),
        effective_classes=effective_classes(ordered),
        singletons=int((ordered == 1).sum()),
        up_to_10=int((ordered <= 10).sum()),
        up_to_100=int((ordered <= 100).sum()),
        top_1=top_share(ordered, 0.01),
        top_10=top_share(ordered, 0.10),
        top_20=top_share(ordered, 0.20),
        bottom_half=bottom_share(ordered, 0.5),
        bands=_band_sizes(ordered),
    )


def bands(ordered: Sizes) -> NDArray[np.uint8]:
    """The band of every class, as its position in `Band`, uint8 [classes].

    The head are the largest classes that hold the first half of the items, the middle those up to nine tenths: a class
    belongs to the band in which its first item falls.

    Args:
        ordered: sizes, largest first.
    """
    ordered = np.asarray(ordered, dtype=np.int64)
    before = (np.cumsum(ordered) - ordered) / max(1, ordered.sum())
    codes: NDArray[np.uint8] = np.searchsorted([HEAD_SHARE, MIDDLE_SHARE], before, side="right").astype(np.uint8)
    return codes


def band_names(ordered: Sizes) -> NDArray[np.str_]:
    """The name of the band of every class; as :func:`bands`."""
    found: NDArray[np.str_] = np.array([band.value for band in Band])[bands(ordered)]
    return found


def curve(ordered: Sizes, points: int) -> NDArray[np.int64]:
    """All ranks (from 1), or `points` at most, evenly spread over a logarithmic axis, both ends among them."""
    n = len(ordered)
    if n <= points:
        return np.arange(1, n + 1, dtype=np.int64)
    return np.unique(np.geomspace(1, n, points).round().astype(np.int64))


def _band_sizes(ordered: Sizes) -> tuple[BandSize, ...]:
    codes = bands(ordered)
    found = []
    for code, band in enumerate(Band):
        inside = ordered[codes == code]
        items = int(inside.sum())
        share = items / int(ordered.sum()) if ordered.size else 0.0
        found.append(BandSize(band.value, int(inside.size), items, share, int(inside[-1]) if inside.size else 0))
    return tuple(found)
