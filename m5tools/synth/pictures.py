"""Product photos: a shape in the product's colour, textured by the instance, edited and encoded by each seller."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from m5tools.synth import words
from m5tools.synth.looks import ACCENTS, Looks

STUDIO: Final = 128  # side of the photo before any edit, pixels
_BODY_COLOURS: Final = np.array(words.COLOUR_RGB, np.float32)
_ACCENT_COLOURS: Final = np.array(
    [Image.new("HSV", (1, 1), (256 * k // ACCENTS, 190, 220)).convert("RGB").getpixel((0, 0)) for k in range(ACCENTS)],
    np.float32,
)
Pixels = NDArray[np.uint8]  # (height, width, 3 or 4)
Field = NDArray[np.float32]  # (height, width)


# The twelve outlines of a body, within the unit circle of (u, v).
_OUTLINES: Final[tuple[Callable[[Any, Any], Any], ...]] = (
    lambda u, v: np.hypot(u, v) < 0.9,
    lambda u, v: np.maximum(abs(u), abs(v)) < 0.75,
    lambda u, v: (v > -0.7) & (v < 0.8) & (abs(u) < (v + 0.75) * 0.55),
    lambda u, v: abs(np.hypot(u, v) - 0.7) < 0.2,
    lambda u, v: (np.minimum(abs(u), abs(v)) < 0.25) & (np.maximum(abs(u), abs(v)) < 0.9),
    lambda u, v: np.hypot(u, v) < 0.6 + 0.3 * np.cos(5 * np.arctan2(v, u)),
    lambda u, v: (u / 0.95) ** 2 + (v / 0.5) ** 2 < 1,
    lambda u, v: np.maximum(abs(v) * 1.1, abs(u) * 0.95 + abs(v) * 0.55) < 0.8,
    lambda u, v: abs(u) + abs(v) < 0.95,
    lambda u, v: (np.hypot(u, v) < 0.9) & ((u - 0.45) ** 2 + v**2 > 0.45),
    lambda u, v: (abs(v) < 0.85) & (abs(u) < 0.8) & ((abs(u) < 0.3) | (v > 0.35)),
    lambda u, v: (abs(u) < 0.45) & (abs(v) < 0.9),
)
# The six textures over it, values in [-1, 1]: (along, across the grain, waves per unit, phase).
_TEXTURES: Final[tuple[Callable[[Any, Any, np.float32, np.float32], Any], ...]] = (
    lambda s, t, pitch, phase: np.sin(pitch * s + phase),
    lambda s, t, pitch, phase: np.sin(pitch * s + phase) * np.sin(pitch * t),
    lambda s, t, pitch, phase: np.sin(pitch * np.hypot(s, t) + phase),
    lambda s, t, pitch, phase: np.sign(np.sin(pitch * s + phase) * np.sin(pitch * t)),
    lambda s, t, pitch, phase: np.sin(pitch * s + phase + 2 * np.sin(4 * t)),
    lambda s, t, pitch, phase: np.tanh(3 * (s + np.float32(0.3) * np.sin(phase))),
)


@lru_cache(maxsize=1)
def _plane() -> tuple[Field, Field]:
    axis = np.linspace(-1.0, 1.0, STUDIO, dtype=np.float32)
    x, y = np.meshgrid(axis, axis)
    return x, y


def studio_photo(looks: Looks, row: int, view: int) -> Pixels:
    """Photo number `view` of an instance, uint8 (128, 128, 3): further views are turned and nearer."""
    x, y = _plane()
    turn = 0.5 * view
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    zoom = np.float32(1.55 - 0.2 * view)
    u, v = (cos * x + sin * y) * zoom, (cos * y - sin * x) * zoom
    inside = _OUTLINES[int(looks.shape[row])](u, v)
    angle = np.pi * float(looks.angle[row])
    pitch = np.float32(6.0 + 12.0 * float(looks.density[row]))
    along = u * np.float32(np.cos(angle)) + v * np.float32(np.sin(angle))
    across = v * np.float32(np.cos(angle)) - u * np.float32(np.sin(angle))
    phase = np.float32(2 * np.pi * float(looks.phase[row]))
    wave = _TEXTURES[int(looks.texture[row])](along, across, pitch, phase)
    share = (0.3 * (1 + wave))[..., None]
    body = _BODY_COLOURS[looks.colour[row]] * (1 - share) + _ACCENT_COLOURS[looks.accent[row]] * share
    shade = (1.0 - 0.15 * (u + v))[..., None]
    wall = np.float32(236) - 14 * (y + 1)[..., None] + np.zeros(3, np.float32)
    photo: Pixels = np.clip(np.where(inside[..., None], body * shade, wall), 0, 255).astype(np.uint8)
    return photo


def scaled(photo: Pixels, width: int, height: int) -> Pixels:
    """The picture at another size."""
    return np.asarray(cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def edited(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """The photo as one seller shows it: cut, scaled to 96-256 pixels, lightened, with margin or badge and grain."""
    cut = rng.integers(0, STUDIO // 16, 4)
    photo = photo[cut[0] : STUDIO - cut[1], cut[2] : STUDIO - cut[3]]
    side = int(rng.integers(96, 225))
    shown = scaled(photo, side, side)
    level = 1 + 0.12 * (rng.random() - 0.5)
    grain = cv2.resize(rng.normal(0, 5, (side // 4, side // 4)).astype(np.float32), (side, side))
    shown = np.clip(shown * np.float32(level) + grain[..., None], 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        margin = int(side * rng.uniform(0.03, 0.12))
        tint = int(rng.integers(225, 256))
        shown = np.pad(shown, ((margin, margin), (margin, margin), (0, 0)), constant_values=tint)
    if rng.random() < 0.2:
        badge = max(10, len(shown) // 6)
        shown[2 : badge // 2 + 2, 2 : badge + 2] = (220, 30, 30) if rng.random() < 0.5 else (250, 200, 20)
    return shown


def encoded(pixels: Pixels, suffix: str, quality: int) -> bytes:
    """A JPEG, PNG or WebP file."""
    buffer = io.BytesIO()
    image = Image.fromarray(pixels)
    if suffix == "png":
        image.save(buffer, "PNG", compress_level=1)
    elif suffix == "webp":
        image.save(buffer, "WEBP", quality=quality, method=0)
    else:
        image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def with_alpha(pixels: Pixels) -> Pixels:
    """The picture with its corners made transparent, (height, width, 4)."""
    height, width = pixels.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    alpha = np.where(x**4 + y**4 < 0.95, 255, 0).astype(np.uint8)
    return np.dstack([pixels, alpha])


def tiny(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """A thumbnail of 24-56 pixels."""
    side = int(rng.integers(24, 57))
    return scaled(photo, side, side)


def small(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """A small picture in which the product is still plain to see: 64-80 pixels."""
    side = int(rng.integers(64, 81))
    return scaled(photo, side, side)


def dark(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """The same scene at night: little light, and the grain that a sensor adds then."""
    grain = rng.normal(0, 1.5, photo.shape[:2]).astype(np.float32)
    lit = photo * np.float32(rng.uniform(0.12, 0.3)) + grain[..., None]
    return np.asarray(np.clip(lit, 0, 255), np.uint8)


def pale(photo: Pixels, rng: np.random.Generator) -> Pixels:
    """A white product before a white wall: what stands out of it are some dozen levels of shade."""
    shade = (255 - photo.astype(np.float32)) * np.float32(rng.uniform(0.12, 0.3))
    return np.asarray(np.clip(255 - shade, 0, 255), np.uint8)
