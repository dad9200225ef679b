"""Our hashes against the package's, on the points both look at."""

from __future__ import annotations

import cv2
import numpy as np
import pdqhash

from m5tools.measure import pdq

from .test_image import photo


def bits(hashed: bytes) -> np.ndarray:
    return np.unpackbits(np.frombuffer(hashed, np.uint8)).reshape(-1, 256)


def test_equal_points_give_equal_bits_in_all_orientations() -> None:
    """A grey picture of 64 × 64 pixels is its own grid; only a coefficient at the very median may fall otherwise."""
    greys = np.stack([cv2.cvtColor(cv2.resize(photo(seed=n), (64, 64)), cv2.COLOR_RGB2GRAY) for n in range(8)])
    for grey, hashed, turned, quality in zip(
        greys, pdq.hashes(greys), pdq.orientations(greys), pdq.qualities(greys), strict=True
    ):
        assert (pdq.grid(pdq.smoothed(grey)) == grey).all()
        rgb = np.ascontiguousarray(np.repeat(grey[:, :, None], 3, axis=2))
        wanted, wanted_quality = pdqhash.compute(rgb)
        assert (bits(hashed)[0] != wanted).sum() <= 2
        assert quality == wanted_quality
        assert (bits(turned) != np.asarray(pdqhash.compute_dihedral(rgb)[0])).sum(axis=1).max() <= 2
        assert turned[: pdq.BYTES] == hashed


def test_a_part_of_a_grid_is_hashed_as_if_it_had_been_cut_out() -> None:
    """Corners and centres come from the grid of the whole, without another look at the picture."""
    luma = cv2.cvtColor(cv2.resize(photo(seed=4), (640, 640)), cv2.COLOR_RGB2GRAY)
    whole = pdq.grid(pdq.smoothed(luma))[None]
    corners, centres = bits(pdq.corners(whole)[0]), bits(pdq.centres(whole)[0])
    cut_out = [luma[:448, :448], luma[:448, 192:], luma[192:, :448], luma[192:, 192:]]
    rims = [round(640 * rim) for rim in pdq.RIMS]
    cut_out += [luma[rim : 640 - rim, rim : 640 - rim] for rim in rims]
    wanted = bits(b"".join(pdq.hashes(np.stack([pdq.grid(pdq.smoothed(np.ascontiguousarray(c))) for c in cut_out]))))
    assert len(corners) == pdq.CORNERS
    assert (np.concatenate([corners, centres]) != wanted).sum(axis=1).max() <= 24


def test_a_grid_of_a_part_that_reaches_beyond_the_picture_is_filled_up() -> None:
    luma = np.full((100, 100), 40, np.uint8)
    around = pdq.grid_of(luma, (-50.0, -50.0, 150.0, 150.0), 255.0)
    assert (around[:15] == 255).all()
    assert (around[18:46, 18:46] == 40).all()
    assert (pdq.grid_of(luma, (0.0, 0.0, 100.0, 100.0), 255.0)[2:-2, 2:-2] == 40).all()
