"""Pictures that show nothing: blank ones, and the "no image" pictures that shops put in the place of a photo."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from m5tools.synth.draws import Draws
from m5tools.synth.pictures import Pixels, encoded, scaled

_CANVAS: Final = 320
_GREY, _DARK = (150, 150, 150), (110, 110, 110)


def blank(rng: np.random.Generator) -> Pixels:
    """White, off-white or grey, with the faint grain of a sensor or the slow slope of a badly lit wall."""
    height, width = (int(side) for side in rng.integers(96, 225, 2))
    tone = float(rng.choice([255, int(rng.integers(236, 255)), int(rng.integers(120, 232))]))
    ground = np.full((height, width, 3), tone, np.float32) + rng.uniform(-3, 3, 3).astype(np.float32)
    look = rng.random()
    if look < 0.35:
        ground += rng.normal(0, rng.uniform(0.5, 4), (height, width, 1)).astype(np.float32)
    elif look < 0.7:
        across, down = rng.uniform(-8, 8, 2)
        ground += np.linspace(0, across, width, dtype=np.float32)[None, :, None]
        ground += np.linspace(0, down, height, dtype=np.float32)[:, None, None]
    return np.clip(np.rint(ground), 0, 255).astype(np.uint8)


def placeholder(draws: Draws, seller: int, suffix: str) -> bytes:
    """The "no image" file of a shop: one of the drawings that shop software ships, at the shop's own size and quality.

    Args:
        draws: of the crawl.
        seller: whose shop.
        suffix: `jpg`, `png` or `webp`.
    """
    return _of_shop(draws.seed, seller, suffix)


@lru_cache(maxsize=1024)
def _of_shop(seed: int, seller: int, suffix: str) -> bytes:
    rng = Draws(seed).generator("placeholder", seller)
    drawing = _drawing(int(rng.choice(len(_DRAWINGS), p=_SHARES)))
    side = int(rng.integers(110, 320))
    shown = scaled(drawing, side, side).astype(np.int16) + int(rng.integers(-8, 9))
    return encoded(np.clip(shown, 0, 255).astype(np.uint8), suffix, int(rng.integers(45, 93)))


@lru_cache(maxsize=8)
def _drawing(number: int) -> Pixels:
    ground = (236, 244, 222, 247, 230)[number]
    image = Image.new("RGB", (_CANVAS, _CANVAS), (ground, ground, ground))
    _DRAWINGS[number](ImageDraw.Draw(image))
    return np.asarray(cv2.GaussianBlur(np.asarray(image), (3, 3), 0), np.uint8)


def _landscape(draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((80, 80, 240, 200), outline=_GREY, width=8)
    draw.ellipse((104, 100, 136, 132), fill=_GREY)
    draw.polygon([(92, 190), (150, 128), (184, 164), (204, 144), (230, 190)], fill=_GREY)
    _caption(draw, "NO IMAGE", 228)


def _camera(draw: ImageDraw.ImageDraw) -> None:
    draw.rounded_rectangle((70, 100, 250, 220), 18, fill=_GREY)
    draw.rectangle((128, 80, 192, 104), fill=_GREY)
    draw.ellipse((118, 118, 202, 202), fill=(244, 244, 244))
    draw.ellipse((136, 136, 184, 184), fill=_GREY)
    draw.line((60, 240, 262, 76), fill=_DARK, width=10)


def _words(draw: ImageDraw.ImageDraw) -> None:
    for line, text in enumerate(("IMAGE", "NOT", "AVAILABLE")):
        _caption(draw, text, 90 + 50 * line, 40)


def _box(draw: ImageDraw.ImageDraw) -> None:
    draw.polygon([(160, 70), (250, 110), (250, 210), (160, 252), (70, 210), (70, 110)], outline=_DARK, width=7)
    draw.line((70, 110, 160, 150, 250, 110), fill=_DARK, width=7)
    draw.line((160, 150, 160, 252), fill=_DARK, width=7)


def _question(draw: ImageDraw.ImageDraw) -> None:
    draw.ellipse((80, 60, 240, 220), outline=_GREY, width=10)
    _caption(draw, "?", 76, 120)
    _caption(draw, "Photo coming soon", 240)


def _caption(draw: ImageDraw.ImageDraw, text: str, top: int, size: int = 26) -> None:
    font = ImageFont.load_default(size)
    draw.text(((_CANVAS - draw.textlength(text, font=font)) / 2, top), text, fill=_DARK, font=font)


_DRAWINGS: Final[tuple[Callable[[ImageDraw.ImageDraw], None], ...]] = (_landscape, _camera, _words, _box, _question)
_SHARES: Final = (0.35, 0.25, 0.2, 0.12, 0.08)
