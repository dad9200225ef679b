"""The box and the fit of a picture's content."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from m5tools.measure.trim import content, content_box

from .test_image import framed, photo

Rgb = npt.NDArray[np.uint8]


def thing(side: int = 200) -> Rgb:
    """A soft-edged dark disc on white, off the middle."""
    down, across = np.mgrid[:side, :side]
    distance = np.hypot((down - 0.55 * side) / 1.4, across - 0.5 * side)
    level = np.clip(60 + 12 * (distance - 0.3 * side), 60, 255).astype(np.uint8)
    return np.repeat(level[..., None], 3, axis=2)


def test_a_frame_is_cut_to_the_pixel() -> None:
    rgb = framed(photo(), 75)
    assert content_box(rgb) == (75, 75, rgb.shape[1] - 75, rgb.shape[0] - 75)


@pytest.mark.parametrize("margin", [10, 30, 80])
def test_the_fit_moves_with_the_content(margin: int) -> None:
    plain, wider = content(thing()), content(framed(thing(), margin))
    assert plain is not None
    assert wider is not None
    assert wider.fit == pytest.approx([edge + margin for edge in plain.fit], abs=0.05)


def test_the_fit_encloses_the_box() -> None:
    found = content(thing())
    assert found is not None
    assert all(low < edge for low, edge in zip(found.fit[:2], found.box[:2], strict=True))
    assert all(edge < high for edge, high in zip(found.box[2:], found.fit[2:], strict=True))


def test_the_border_is_what_most_corners_show() -> None:
    """The thing reaches into two corners of four; the white of the others is the border."""
    rgb = framed(np.full((100, 60, 3), 30, np.uint8), 0)
    rgb = np.concatenate([rgb, np.full((100, 40, 3), 255, np.uint8)], axis=1)
    found = content(rgb)
    assert found is not None
    assert found.border == (255, 255, 255)
    assert found.box == (0, 0, 60, 100)


def test_nothing_stands_out_of_a_blank_picture() -> None:
    assert content(np.full((50, 50, 3), 240, np.uint8)) is None
