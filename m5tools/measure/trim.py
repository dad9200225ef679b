"""Where a picture's content lies inside its border of one colour.

Two answers, since each fails where the other holds. The *box* is what remains when rows and columns of border are cut
away: exact where a photo was set in a frame, a pixel or two off where a soft-edged thing lies on white, which is enough
to turn an eighth of a hash's bits in a small picture. The *fit* is centred on the content's mass and as wide as its
spread (image moments): steady to a fraction of a pixel on white, and undefined where there is no border.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from m5tools.media.image import Rgb

TOLERANCE: Final = 28
CONTENT_SHARE: Final = 0.01
SPREADS: Final = 2.2
"""Standard deviations from the middle of a fit to its sides; an evenly filled box would reach to √3 of them."""

Box = tuple[int, int, int, int]
Profile = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Content:
    """What stands out of the border, in pixels.

    Attributes:
        box: left, top, right, bottom.
        fit: the same of the fit; it may reach beyond the picture.
        border: colour of the border, 0–255 in R, G, B.
    """

    box: Box
    fit: tuple[float, float, float, float]
    border: tuple[float, float, float]


def content(rgb: Rgb) -> Content | None:
    """Find the content of a picture; None where nothing stands out.

    Robust against recompression and watermark specks: a 3×3 median first, then a row or column belongs to the content
    when at least 1 % of it differs from the border colour by more than 28 of 255.
    """
    smooth = cv2.medianBlur(rgb, 3)
    border = _border(smooth)
    low, high = (tuple(c + step for c in border) for step in (-TOLERANCE, TOLERANCE))
    same = cv2.inRange(smooth, low, high)
    down, across = (_content_shares(same, axis) for axis in (1, 0))
    rows, columns = _span(down), _span(across)
    if rows is None or columns is None:
        return None
    (top, bottom), (left, right) = _middle(down), _middle(across)
    return Content((columns[0], rows[0], columns[1], rows[1]), (left, top, right, bottom), border)


def content_box(rgb: Rgb) -> Box | None:
    """The content without borders of one colour: left, top, right, bottom; None where nothing stands out."""
    found = content(rgb)
    return found.box if found else None


def _border(smooth: npt.NDArray[Any]) -> tuple[float, float, float]:
    """The colour that most corners share, the lightest of several; a thing may lie in two of them."""
    height, width = smooth.shape[:2]
    corners = smooth[:: max(1, height - 1), :: max(1, width - 1)].reshape(-1, 3).tolist()
    alike = [[(r, g, b) for r, g, b in corners if max(abs(r - red), abs(g - green), abs(b - blue)) <= TOLERANCE]
             for red, green, blue in corners]  # fmt: skip
    most = max(alike, key=lambda group: (len(group), sum(map(sum, group))))
    red, green, blue = (sum(channel) / len(most) for channel in zip(*most, strict=True))
    return red, green, blue


def _content_shares(same: npt.NDArray[Any], axis: int) -> Profile:
    """Share of each row (axis 1) or column that differs from the border."""
    alike = cv2.reduce(same, axis, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel()
    shares: Profile = 1 - alike / (255.0 * same.shape[axis])
    return shares


def _span(profile: Profile) -> tuple[int, int] | None:
    """From the first row or column of which enough differs from the border to behind the last."""
    telling = profile >= CONTENT_SHARE
    first = int(telling.argmax())
    return (first, len(profile) - int(telling[::-1].argmax())) if telling[first] else None


def _middle(profile: Profile) -> tuple[float, float]:
    """Where the fit begins and ends along one side."""
    places = np.arange(len(profile)) + 0.5
    weight = profile.sum()
    middle = float(profile @ places / weight)
    spread = float(profile @ (places - middle) ** 2 / weight + 1 / 12) ** 0.5  # a pixel is spread by 1/√12 itself
    return middle - SPREADS * spread, middle + SPREADS * spread
