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
