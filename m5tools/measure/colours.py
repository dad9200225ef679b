"""The colour signature: which colours a picture's content has, whatever its brightness."""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from m5tools.media.image import Rgb

BINS: Final = 8
SAMPLES: Final = 24
_NOTHING: Final = 256
_WHITE: Final = (240, 8)  # L* at least, a* and b* at most so far from neutral, all of 255


def samples(rgb: Rgb) -> Rgb:
    """Pixels at the points of an even grid: uint8 [24, 24, 3]."""
    return np.asarray(cv2.resize(rgb, (SAMPLES, SAMPLES), interpolation=cv2.INTER_NEAREST), np.uint8)


def colours(sampled: npt.NDArray[np.uint8]) -> list[bytes]:
    """Histograms over a*, b* of the pixels that are not near white.

    Each pixel is shared bilinearly among its four nearest bins: neutral colours lie on a bin's edge, and a hard
    histogram would jump between copies of one picture.

    Args:
        sampled: uint8 [n, h, w, 3].

    Returns:
        n × 64 bytes, row = a*, column = b*; sum ≈ 255, or 0 where all is white.
    """
    count = len(sampled)
    lab = np.asarray(cv2.cvtColor(sampled.reshape(1, -1, 3), cv2.COLOR_RGB2LAB), np.uint8).reshape(count, -1, 3)
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    telling = (light < _WHITE[0]) | _coloured()[a] | _coloured()[b]
    # `take` copies these short rows eight times as fast as an index does.
    of_a = np.take(_shares(), np.where(telling, a, np.intp(_NOTHING)), axis=0)
    histograms = of_a.swapaxes(1, 2) @ np.take(_shares(), b, axis=0)
    total = np.maximum(telling.sum(axis=1), 1)[:, None, None]
    return [h.tobytes() for h in np.rint(histograms * 255 / total).astype(np.uint8)]


@cache
def _coloured() -> npt.NDArray[np.bool_]:
    """Whether a value of a* or b* is too far from neutral for white: bool [256]."""
    return np.abs(np.arange(256) - 128) > _WHITE[1]


@cache
def _shares() -> npt.NDArray[np.float32]:
    """How each of the 256 values of a* or b* is shared among the bins, and one row of nothing: float32 [257, 8]."""
    place = np.clip(np.arange(256) * BINS / 256 - 0.5, 0, BINS - 1)
    low = np.minimum(place.astype(np.intp), BINS - 2)
    shares = np.zeros((256 + 1, BINS), np.float32)
    shares[np.arange(256), low] = 1 - (place - low)
    shares[np.arange(256), low + 1] = place - low
    return shares
