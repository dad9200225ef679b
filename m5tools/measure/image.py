"""Signals of pictures, from their decoded thumbnails.

What needs the pixels is taken from each picture by itself (:func:`look`); what can be computed from a few small grids
is computed for a batch of pictures at once (:func:`rows`), which costs a third of doing it one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from m5tools.measure import pdq, trim
from m5tools.measure.colours import samples, signatures
from m5tools.media.image import Picture, Rgb, encode_jpeg

DECODED: Final = 128  # pixels of the short side that decoding keeps
THUMBNAIL: Final = 256  # … and of the long side of a thumbnail at most
FLAT: Final = 2
RELIEF_SIDE: Final = 32
PLAIN: Final = 10.0
DARK: Final = 32
BRIGHT: Final = 224
CLIPPED: Final = (1, 254)
CELL: Final = 8
STROKE: Final = 80
STROKE_SHARE: Final = 0.5
RUN: Final = 4

Grey = npt.NDArray[np.uint8]
_SQUARE: Final = np.ones((3, 3), np.uint8)
_LINE: Final = np.ones((1, RUN), np.uint8)


@dataclass(frozen=True)
class Look:
    """What is kept of one picture until its batch is full.

    Attributes:
        facts: columns of `signals_image` that are known already.
        whole: PDQ's grid of the picture, uint8 [64, 64].
        content: … of what the trim leaves; None where nothing stands out.
        fitted: … of its fit.
        colours: sampled pixels of the content, uint8 [24, 24, 3].
        rgb: the thumbnail, uint8 [h, w, 3].
        preview: a JPEG of it.
    """

    facts: dict[str, Any]
    whole: pdq.Grid
    content: pdq.Grid | None
    fitted: pdq.Grid | None
    colours: Rgb
    rgb: Rgb
    preview: bytes


def look(picture: Picture) -> Look:
    """What one picture contributes to its batch."""
    rgb = thumbnail(picture.rgb)
    luma = grey(rgb)
    height, width = luma.shape
    found = trim.content(rgb)
    left, top, right, bottom = found.box if found else (0, 0, width, height)
    area = (right - left) * (bottom - top)
    smooth = pdq.smoothed(luma)
    inside = smooth[top:bottom, left:right]
    whole = pdq.grid(smooth)
    mean, deviation = (float(v[0, 0]) for v in cv2.meanStdDev(luma))
    spread = cv2.morphologyEx(luma, cv2.MORPH_GRADIENT, _SQUARE)
    uneven = cv2.threshold(spread, FLAT, 1, cv2.THRESH_BINARY)[1]
    facts = {
        "width": picture.width,
        "height": picture.height,
        "aspect": picture.width / picture.height,
        "format": picture.format,
        "has_alpha": picture.has_alpha,
        "short_side": min(picture.width, picture.height),
        "luma_mean": mean,
        "luma_deviation": deviation,
        "sharpness": _variance(cv2.Laplacian(luma, cv2.CV_16S)),
        "flat_share": 1 - cv2.countNonZero(uneven) / luma.size,
        "banner_share": _banner_share(spread),
        "border_share": 1 - area / luma.size if found else 1.0,
    }
    if found:
        across, down = picture.width / width, picture.height / height
        facts |= {
            "trim_left": round(left * across),
            "trim_top": round(top * down),
            "trim_right": round(right * across),
            "trim_bottom": round(bottom * down),
        }
    return Look(
        facts=facts,
        whole=whole,
        content=None if found is None else whole if area == luma.size else pdq.grid(inside),
        fitted=None if found is None else pdq.grid_of(smooth, found.fit, _brightness(found.border)),
        colours=samples(rgb[top:bottom, left:right]),
        rgb=rgb,
        preview=encode_jpeg(rgb),
    )


def signals(picture: Picture) -> tuple[dict[str, Any], bytes]:
    """Columns of `signals_image` (without id, state and reason) of one picture, and the preview as JPEG."""
    one = look(picture)
    return rows([one])[0], one.preview


def rows(looks: Sequence[Look]) -> list[dict[str, Any]]:
    """Columns of `signals_image` (without id, state and reason) of a batch of pictures.

    A picture's row does not depend on its company.
    """
    if not looks:
        return []
    whole = np.stack([one.whole for one in looks])
    # A picture of which nothing is left has no hash of it; the whole stands in to keep the batch's shape.
    content = np.stack([one.whole if one.content is None else one.content for one in looks])
    fitted = np.stack([one.whole if one.fitted is None else one.fitted for one in looks])
    colours, tones = signatures(np.stack([one.colours for one in looks]))
    columns = {
        "relief": _reliefs(whole, looks),
        "dark_share": _share(whole < DARK),
        "bright_share": _share(whole >= BRIGHT),
        "clipped_share": _share((whole <= CLIPPED[0]) | (whole >= CLIPPED[1])),
        "pdq": pdq.hashes(whole),
        "pdq_quality": pdq.qualities(whole).tolist(),
        "pdq_turned": pdq.orientations(content),
        "pdq_fitted": pdq.hashes(fitted),
        "pdq_centres": pdq.centres(whole),
        "pdq_corners": pdq.corners(whole),
        "colours": colours,
        "tones": tones,
    }
    found = []
    for place, one in enumerate(looks):
        row = one.facts | {name: values[place] for name, values in columns.items()}
        row["pdq_trimmed"] = row["pdq_turned"][: pdq.BYTES]
        if one.content is None:
            row |= {"pdq_trimmed": None, "pdq_turned": None, "pdq_fitted": None}
        found.append(row)
    return found


def grey(rgb: Rgb) -> Grey:
    """Brightness (ITU-R BT.601), uint8 [h, w]."""
    luma: Grey = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
    return luma


def _brightness(colour: tuple[float, float, float]) -> float:
    """Of one colour, as :func:`grey` takes it."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _share(marked: npt.NDArray[np.bool_]) -> list[float]:
    flat = marked.reshape(len(marked), -1)
    shares: list[float] = (np.count_nonzero(flat, axis=1) / flat.shape[1]).tolist()
    return shares


def thumbnail(rgb: Rgb) -> Rgb:
    """Halved until the long side has at most 320 pixels: whole factors cost a sixth of fitting a size."""
    while max(rgb.shape[:2]) > THUMBNAIL:
        height, width = (max(1, side // 2) for side in rgb.shape[:2])
        even = rgb[: 2 * height, : 2 * width]
        rgb = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    return rgb


def _variance(values: npt.NDArray[Any]) -> float:
    return float(cv2.norm(values) ** 2) / values.size - float(cv2.mean(values)[0]) ** 2


def _reliefs(grids: pdq.Grid, looks: Sequence[Look]) -> list[float]:
    """By brightness, and where that tells of nothing by colour: red on green of equal brightness is no blank."""
    found = reliefs(grids)
    plain = [place for place, relief in enumerate(found) if relief < PLAIN]
    for place in plain:
        small = cv2.resize(looks[place].rgb, (pdq.GRID, pdq.GRID), interpolation=cv2.INTER_AREA)
        tints = cv2.cvtColor(small, cv2.COLOR_RGB2LAB)[..., 1:].transpose(2, 0, 1)
        found[place] = max(found[place], *reliefs(np.asarray(tints, np.uint8)))
    return found


def reliefs(grids: pdq.Grid) -> list[float]:
    """What stands out of an evenly lit ground, in levels from the 1st to the 99th percentile.

    Averaging over a grid removes noise, and a fitted plane the slope of the light; a picture of nothing has neither
    noise nor slope to show for content, whatever its standard deviation.

    Args:
        grids: smoothed brightness, or a*, b* of colours, uint8 [n, 64, 64].
    """
    rows = grids[:, ::2].astype(np.float32) + grids[:, 1::2]
    grid = (rows[:, :, ::2] + rows[:, :, 1::2]) / 4
    axis = np.linspace(-1, 1, RELIEF_SIDE, dtype=np.float32)
    weight = axis / (axis @ axis * RELIEF_SIDE)
    slope_down, slope_across = (weight @ grid).sum(axis=1), (grid @ weight).sum(axis=1)
    grid -= slope_down[:, None, None] * axis[:, None]
    grid -= slope_across[:, None, None] * axis
    last = RELIEF_SIDE**2 - 1
    low, high = round(0.01 * last), round(0.99 * last)
    level = np.sort(grid.reshape(len(grid), -1), axis=1)
    spans: list[float] = (level[:, high] - level[:, low]).tolist()
    return spans


def _banner_share(spread: npt.NDArray[Any]) -> float:
    """Share of the picture that looks like lines of print: cells of 8 × 8 pixels full of strong contrast, at least
    four of them side by side."""
    down, across = (n // CELL for n in spread.shape)
    if not down or across < RUN:
        return 0.0
    strokes = cv2.threshold(spread[: down * CELL, : across * CELL], STROKE, 255, cv2.THRESH_BINARY)[1]
    cells = cv2.resize(strokes, (across, down), interpolation=cv2.INTER_AREA)
    dense = cv2.threshold(cells, round(255 * STROKE_SHARE) - 1, 1, cv2.THRESH_BINARY)[1]
    runs = cv2.morphologyEx(dense, cv2.MORPH_OPEN, _LINE)
    share: float = cv2.countNonZero(runs) / (down * across)
    return share
