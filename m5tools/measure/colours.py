"""The colour signature: which colours a picture's content has, whatever its brightness, and which tones."""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from m5tools.media.image import Rgb

BINS: Final = 8
TONES: Final = 16
SAMPLES: Final = 24
_NOTHING: Final = 256
_WHITE: Final = (240, 8)  # L* at least, a* and b* at most so far from neutral, all of 255


def samples(rgb: Rgb) -> Rgb:
    """Pixels at the points of an even grid: uint8 [24, 24, 3]."""
    return np.asarray(cv2.resize(rgb, (SAMPLES, SAMPLES), interpolation=cv2.INTER_NEAREST), np.uint8)


def signatures(sampled: npt.NDArray[np.uint8]) -> tuple[list[bytes], list[bytes]]:
    """Histograms of the pixels that are not near white: of colour over a* and b*, and of tone over brightness.

    Each pixel is shared linearly among its nearest bins: neutral colours lie on a bin's edge, and a hard histogram
    would jump between copies of one picture. Tones tell black from grey, and the grey copy of a picture from a grey
    variant of the product; they are of ITU-R BT.601's brightness, which is what making a picture grey keeps.

    Args:
        sampled: uint8 [n, h, w, 3].

    Returns:
        n × 64 bytes, row = a*, column = b*; and n × 16 bytes; the sum of each ≈ 255, or 0 where all is white.
    """
    count = len(sampled)
    lab = np.asarray(cv2.cvtColor(sampled.reshape(1, -1, 3), cv2.COLOR_RGB2LAB), np.uint8).reshape(count, -1, 3)
    light, a, b = lab[..., 0], lab[..., 1], lab[..., 2]
    telling = (light < _WHITE[0]) | _coloured()[a] | _coloured()[b]
    # `take` copies these short rows eight times as fast as an index does.
    of_a = np.take(_shares(), np.where(telling, a, np.intp(_NOTHING)), axis=0)
    of_ab = of_a.swapaxes(1, 2) @ np.take(_shares(), b, axis=0)
    total = np.maximum(telling.sum(axis=1), 1)
    return _bytes(of_ab / total[:, None, None]), _bytes(_tones(sampled))


def _tones(sampled: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Shares of the 16 tones in each picture; counted by level first, since a row of bins a pixel would take as long as
    the colours."""
    count = len(sampled)
    level = np.asarray(cv2.cvtColor(sampled.reshape(1, -1, 3), cv2.COLOR_RGB2GRAY), np.intp).reshape(count, -1)
    of_picture = level + 256 * np.arange(count)[:, None]
    levels = np.bincount(of_picture.ravel(), minlength=256 * count).reshape(count, 256)[:, : _WHITE[0]]
    shares: npt.NDArray[np.float32] = levels @ _steps() / np.maximum(levels.sum(axis=1), 1)[:, None]
    return shares


def _bytes(shares: npt.NDArray[np.float32]) -> list[bytes]:
    return [h.tobytes() for h in np.rint(shares * 255).astype(np.uint8)]


@cache
def _coloured() -> npt.NDArray[np.bool_]:
    """Whether a value of a* or b* is too far from neutral for white: bool [256]."""
    return np.abs(np.arange(256) - 128) > _WHITE[1]


@cache
def _shares() -> npt.NDArray[np.float32]:
    """How each of the 256 values of a* or b* is shared among the bins, and one row of nothing: float32 [257, 8]."""
    return _shared_among(BINS)


@cache
def _steps() -> npt.NDArray[np.float32]:
    """How each brightness below white is shared among the tones: float32 [240, 16]."""
    return _shared_among(TONES)[: _WHITE[0]]


def _shared_among(bins: int) -> npt.NDArray[np.float32]:
    place = np.clip(np.arange(256) * bins / 256 - 0.5, 0, bins - 1)
    low = np.minimum(place.astype(np.intp), bins - 2)
    shares = np.zeros((256 + 1, bins), np.float32)
    shares[np.arange(256), low] = 1 - (place - low)
    shares[np.arange(256), low + 1] = place - low
    return shares
