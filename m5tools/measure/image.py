"""Signals of one picture, from its decoded thumbnail.

The trim is robust against recompression and watermark specks: a 3×3 median first, then a row or column belongs to the
content when at least 1 % of it differs from the border colour by more than 28 of 255.
PDQ: Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing algorithm", 2019.
"""

from __future__ import annotations

from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import pdqhash

from m5tools.media.image import Picture, Rgb, encode_jpeg, fit

THUMBNAIL: Final = 256
TOLERANCE: Final = 28
CONTENT_SHARE: Final = 0.01
FLAT: Final = 2
COLOUR_BINS: Final = 8
RELIEF_SIDE: Final = 32
_COLOUR_SIDE: Final = 64
_WHITE: Final = (240, 8)  # L* at least, a* and b* at most so far from neutral, all of 255

Grey = npt.NDArray[np.uint8]


def signals(picture: Picture) -> tuple[dict[str, Any], bytes]:
    """Columns of `signals_image` (without id, state and reason) and the preview as JPEG."""
    rgb = fit(picture.rgb, THUMBNAIL)
    luma = grey(rgb)
    content = trimmed(rgb)
    hashed, quality = pdq(rgb)
    area = 0 if content is None else content.shape[0] * content.shape[1]
    row = {
        "width": picture.width,
        "height": picture.height,
        "format": picture.format,
        "has_alpha": picture.has_alpha,
        "short_side": min(picture.width, picture.height),
        "luma_mean": float(luma.mean()),
        "luma_deviation": float(luma.std()),
        "relief": relief(luma),
        "sharpness": float(cv2.Laplacian(luma, cv2.CV_32F).var()),
        "flat_share": _flat_share(luma),
        "border_share": 1 - area / luma.size,
        "pdq": hashed,
        "pdq_quality": quality,
        "pdq_trimmed": None if content is None else hashed if area == luma.size else pdq(content)[0],
        "colours": colours(rgb if content is None else content),
    }
    return row, encode_jpeg(rgb)


def grey(rgb: Rgb) -> Grey:
    """Brightness (ITU-R BT.601), uint8 [h, w]."""
    luma: Grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    return luma


def relief(luma: Grey) -> float:
    """What stands out of an evenly lit ground, in levels from the 1st to the 99th percentile.

    Averaging over a grid removes noise, and a fitted plane the slope of the light; a picture of nothing has neither
    noise nor slope to show for content, whatever its standard deviation.
    """
    height, width = luma.shape
    size = (min(width, RELIEF_SIDE), min(height, RELIEF_SIDE))
    grid = cv2.resize(luma.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    down, across = (np.linspace(-1, 1, n, dtype=np.float32) if n > 1 else np.zeros(1, np.float32) for n in grid.shape)
    slopes = (
        (axis @ means) / max(float(axis @ axis), 1.0) for axis, means in ((down, grid.mean(1)), (across, grid.mean(0)))
    )
    slope_down, slope_across = slopes
    level = grid - slope_down * down[:, None] - slope_across * across
    low, high = np.percentile(level, (1, 99))
    return float(high - low)


def pdq(rgb: Rgb) -> tuple[bytes, int]:
    """PDQ hash (32 bytes) and its quality (0–100; 0 for blank pictures)."""
    bits, quality = pdqhash.compute(np.ascontiguousarray(rgb))
    return np.packbits(bits.astype(np.uint8)).tobytes(), int(quality)


def trimmed(rgb: Rgb) -> Rgb | None:
    """The content without borders of one colour; None where nothing stands out."""
    smooth = cv2.medianBlur(rgb, 3)
    corners = smooth[[0, 0, -1, -1], [0, -1, 0, -1]]
    border = np.median(corners, axis=0)
    red, green, blue = cv2.split(cv2.absdiff(smooth, np.array([*border, 0.0])))
    differs = cv2.max(cv2.max(red, green), blue) > TOLERANCE
    rows = np.flatnonzero(differs.mean(axis=1) >= CONTENT_SHARE)
    columns = np.flatnonzero(differs.mean(axis=0) >= CONTENT_SHARE)
    if not len(rows) or not len(columns):
        return None
    return rgb[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _flat_share(luma: Grey) -> float:
    """Share of pixels whose 3×3 neighbourhood spans at most `FLAT` levels."""
    spread = cv2.morphologyEx(luma, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    return float((spread <= FLAT).mean())


def colours(rgb: Rgb) -> bytes:
    """Histogram over a*, b* of the pixels that are not near white.

    Each pixel is shared bilinearly among its four nearest bins: neutral colours lie on a bin's edge, and a hard
    histogram would jump between copies of one picture.

    Returns:
        64 bytes, row = a*, column = b*; sum ≈ 255, or 0 where all is white.
    """
    height, width = rgb.shape[:2]
    small = cv2.resize(rgb, (min(width, _COLOUR_SIDE), min(height, _COLOUR_SIDE)), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small, cv2.COLOR_RGB2LAB).reshape(-1, 3)
    off_neutral = np.abs(lab[:, 1:].astype(np.int16) - 128).max(axis=1)
    coloured = lab[(lab[:, 0] < _WHITE[0]) | (off_neutral > _WHITE[1]), 1:]
    histogram = np.zeros(COLOUR_BINS * COLOUR_BINS)
    place = np.clip(coloured.astype(np.float64) * COLOUR_BINS / 256 - 0.5, 0, COLOUR_BINS - 1)
    low = np.minimum(place.astype(np.int64), COLOUR_BINS - 2)
    share = place - low
    for a in (0, 1):
        for b in (0, 1):
            weight = (share[:, 0] if a else 1 - share[:, 0]) * (share[:, 1] if b else 1 - share[:, 1])
            bins = (low[:, 0] + a) * COLOUR_BINS + low[:, 1] + b
            histogram += np.bincount(bins, weight, COLOUR_BINS * COLOUR_BINS)
    return np.rint(histogram * 255 / max(len(coloured), 1)).astype(np.uint8).tobytes()
