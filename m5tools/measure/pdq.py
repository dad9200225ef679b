"""PDQ hashes of many pictures at once (Facebook, "The TMK+PDQF video-hashing algorithm and the PDQ image-hashing
algorithm", 2019).

Two departures from the package `pdqhash`, which smooths every picture in scalar loops for as long as decoding takes.
The 64 × 64 points that PDQ looks at are averages here, not single pixels: copies of other sizes then differ by half as
many bits. And the transform of a whole batch is one product of matrices. From equal points both give equal bits.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

GRID: Final = 64
BYTES: Final = 32
ORIENTATIONS: Final = 8
RIMS: Final = (0.03, 0.05, 0.07, 0.09)
CORNER: Final = 0.7
CORNERS: Final = 4

_FREQUENCIES: Final = 16
_WINDOWS: Final = 128  # boxes that fit into a side
_BEST_QUALITY: Final = 100
_GRADIENTS_A_POINT: Final = 90

Grid = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]


def smoothed(luma: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Brightness under a box that is as wide as PDQ's two, each a 128th of a side: uint8 [h, w] → uint8 [h, w]."""
    height, width = luma.shape
    box = tuple(2 * -(-side // _WINDOWS) - 1 for side in (width, height))
    if box == (1, 1):
        return luma
    return np.asarray(cv2.blur(luma, box, borderType=cv2.BORDER_REPLICATE), np.uint8)


def grid(smooth: npt.NDArray[np.uint8]) -> Grid:
    """What PDQ looks at in a smoothed picture, or in a part of one: uint8 [h, w] → uint8 [64, 64]."""
    return np.asarray(cv2.resize(smooth, (GRID, GRID), interpolation=cv2.INTER_LINEAR), np.uint8)


def grid_of(smooth: npt.NDArray[np.uint8], box: tuple[float, float, float, float], around: float) -> Grid:
    """… in the part between fractions of pixels.

    Args:
        smooth: uint8 [h, w].
        box: left, top, right, bottom; it may reach beyond the picture.
        around: brightness of what lies there.
    """
    left, top, right, bottom = box
    across, down = (right - left) / GRID, (bottom - top) / GRID
    place = np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(smooth, place, (GRID, GRID), flags=how, borderMode=cv2.BORDER_CONSTANT, borderValue=(around,)),
        np.uint8,
    )


@cache
def _stretch(first: float, last: float) -> Floats:
    """As `_cosines`, of the part between two shares of a side: the transform of a cut-out without cutting it out."""
    begin, end = first * GRID, last * GRID
    edges = np.clip(np.arange(GRID + 1), begin, end)
    width, middle = np.diff(edges), (edges[1:] + edges[:-1]) / 2
    frequency = np.arange(1, _FREQUENCIES + 1)[:, None]
    waves = np.cos(np.pi * frequency * (middle - begin) / (end - begin)) * width
    cosines: Floats = (np.sqrt(2 / (end - begin)) * waves).astype(np.float32)
    return cosines


@cache
def _cosines() -> Floats:
    """The first 16 frequencies of the discrete cosine transform of 64 values, the constant one left out."""
    frequency, place = np.arange(1, _FREQUENCIES + 1)[:, None], np.arange(GRID)
    cosines: Floats = (np.sqrt(2 / GRID) * np.cos(np.pi / (2 * GRID) * frequency * (2 * place + 1))).astype(np.float32)
    return cosines


def _transform(grids: Grid) -> Floats:
    """float32 [n, 16, 16]."""
    product: Floats = _cosines() @ grids.astype(np.float32) @ _cosines().T
    return product


def _bits(frequencies: Floats) -> npt.NDArray[np.uint8]:
    """Which are above their median: uint8 [n, 32]. The highest frequency comes first."""
    flat = frequencies.reshape(len(frequencies), -1)
    median = np.sort(flat, axis=1)[:, flat.shape[1] // 2 - 1]  # faster than `partition` at this length
    return np.packbits((flat > median[:, None])[:, ::-1], axis=1)


def hashes(grids: Grid) -> list[bytes]:
    """One hash of 32 bytes for each grid of uint8 [n, 64, 64]."""
    return [row.tobytes() for row in _bits(_transform(grids))]


def centres(grids: Grid) -> list[bytes]:
    """The hashes of the middle of each picture, without 3, 5, 7 and 9 % at every side: near those of copies that lost
    their rim.

    Returns:
        n × 128 bytes.
    """
    values = grids.astype(np.float32)
    middles = [_stretch(rim, 1 - rim) for rim in RIMS]
    views: Floats = np.stack([middle @ values @ middle.T for middle in middles], axis=1)
    packed = _bits(views.reshape(-1, _FREQUENCIES, _FREQUENCIES))
    return [row.tobytes() for row in packed.reshape(len(grids), -1)]


def corners(grids: Grid) -> list[bytes]:
    """The hashes of four overlapping parts of each picture, 70 % of either side: a badge leaves one of them alone.

    Returns:
        n × 128 bytes: upper left, upper right, lower left, lower right.
    """
    both = np.concatenate([_stretch(0, CORNER), _stretch(1 - CORNER, 1)])
    whole: Floats = (both @ grids.astype(np.float32) @ both.T).reshape(-1, 2, _FREQUENCIES, 2, _FREQUENCIES)
    packed = _bits(whole.swapaxes(2, 3).reshape(-1, _FREQUENCIES, _FREQUENCIES))
    return [row.tobytes() for row in packed.reshape(len(grids), -1)]


def orientations(grids: Grid) -> list[bytes]:
    """The hashes of each picture in its eight orientations, one behind the other, the picture itself first.

    Turning or mirroring a picture transposes its transform or changes the signs of the odd rows or columns, so all
    eight come from one transform. Order as in `pdqhash.compute_dihedral`: as it is, turned by 90°, 180°, 270°,
    mirrored top to bottom, left to right, and along both diagonals.

    Returns:
        n × 256 bytes.
    """
    plain = _transform(grids)
    turned = plain.swapaxes(1, 2)
    down, across = _signs()
    views = [
        plain, turned * down, plain * down * across, turned * across,
        plain * down, plain * across, turned, turned * down * across,
    ]  # fmt: skip
    packed = _bits(np.stack(views, axis=1).reshape(-1, _FREQUENCIES, _FREQUENCIES))
    return [row.tobytes() for row in packed.reshape(len(grids), -1)]


@cache
def _signs() -> tuple[Floats, Floats]:
    """Down and across; row 0 is the first odd frequency."""
    signs = np.where(np.arange(_FREQUENCIES) % 2 == 0, -1, 1).astype(np.float32)
    return signs[:, None], signs[None, :]


def qualities(grids: Grid) -> npt.NDArray[np.int64]:
    """How much there is to hash in each grid, 0–100; 0 for blank pictures."""
    beside = (grids[:, 1:], grids[:, :-1]), (grids[:, :, 1:], grids[:, :, :-1])
    steps = [_hundredths(np.maximum(a, b) - np.minimum(a, b)) for a, b in beside]
    quality: npt.NDArray[np.int64] = np.minimum((steps[0] + steps[1]) // _GRADIENTS_A_POINT, _BEST_QUALITY)
    return quality


def _hundredths(steps: Grid) -> npt.NDArray[np.int64]:
    """Steps of brightness in whole hundredths of full scale, summed: uint8 [n, h, w] → int64 [n]."""
    flat = steps.reshape(len(steps), -1)
    whole = cv2.LUT(flat, (np.arange(256) * 100 // 255).astype(np.uint8))
    return cv2.reduce(whole, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).ravel().astype(np.int64)
