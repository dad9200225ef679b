"""Picture signals: blank against photo, margins, colours, hashes that survive copies."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from m5tools.measure.colours import signatures
from m5tools.measure.image import DECODED, look, rows, signals
from m5tools.measure.trim import content_box
from m5tools.media import image

Rgb = npt.NDArray[np.uint8]


def photo(width: int = 500, height: int = 400, seed: int = 1) -> Rgb:
    """Shapes of many sizes and colours over a gradient that no border has."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    rgb = np.stack([x * 200 // width, y * 200 // height, np.full_like(x, 90)], axis=2).astype(np.uint8)
    for _ in range(60):
        x, y = random.integers(0, width), random.integers(0, height)
        rgb[y : y + random.integers(10, 120), x : x + random.integers(10, 120)] = random.integers(0, 256, 3)
    return rgb


def framed(rgb: Rgb, margin: int) -> Rgb:
    return np.pad(rgb, ((margin, margin), (margin, margin), (0, 0)), constant_values=255)


def measured(rgb: Rgb, quality: int = 90) -> dict[str, Any]:
    return signals(image.decode(image.encode_jpeg(rgb, quality), DECODED))[0]


def distance(a: bytes, b: bytes) -> int:
    return int(np.unpackbits(np.frombuffer(a, np.uint8) ^ np.frombuffer(b, np.uint8)).sum())


def overlap(a: bytes, b: bytes) -> float:
    return float(np.minimum(np.frombuffer(a, np.uint8), np.frombuffer(b, np.uint8)).sum() / 255)


def test_a_blank_picture_and_a_photo_differ_in_every_signal() -> None:
    blank, scene = measured(np.full((400, 400, 3), 255, np.uint8)), measured(photo())
    assert blank["luma_deviation"] < 1 < 20 < scene["luma_deviation"]
    assert blank["flat_share"] == 1 > scene["flat_share"]
    assert blank["pdq_quality"] == 0 < 50 < scene["pdq_quality"]
    assert blank["border_share"] == 1
    assert blank["pdq_trimmed"] is None
    assert sum(blank["colours"]) == 0


def test_grain_and_a_slope_of_light_are_no_relief_and_a_white_product_is() -> None:
    random = np.random.default_rng(2)
    grain = np.clip(random.normal(200, 4, (300, 300, 1)) + np.zeros(3), 0, 255).astype(np.uint8)
    slope = np.clip(np.linspace(230, 250, 300)[:, None, None] + np.zeros((300, 300, 3)), 0, 255).astype(np.uint8)
    white = np.full((300, 300, 3), 255, np.uint8)
    white[80:220, 100:200] = 243
    assert max(measured(grain)["relief"], measured(slope)["relief"]) < 3 < 10 < measured(white)["relief"]
    assert measured(slope)["luma_deviation"] > measured(white)["luma_deviation"]


def test_a_thing_as_bright_as_its_ground_stands_out_by_its_colour() -> None:
    red_on_green = np.full((300, 300, 3), (0, 130, 0), np.uint8)
    red_on_green[80:220, 100:200] = (255, 0, 0)
    row = measured(red_on_green)
    assert row["luma_deviation"] < 3
    assert row["relief"] > 50
    assert measured(np.full((300, 300, 3), (0, 130, 0), np.uint8))["relief"] < 1


def test_blur_lowers_sharpness() -> None:
    rgb = photo()
    blurred = image.fit(rgb, 40).repeat(12, axis=0).repeat(12, axis=1)
    blurred = np.asarray(cv2.GaussianBlur(blurred, (31, 31), 10), np.uint8)
    assert measured(blurred)["sharpness"] < 0.1 * measured(rgb)["sharpness"]


@pytest.mark.parametrize("quality", [95, 50])
@pytest.mark.parametrize("margin", [25, 75, 200])
def test_the_trimmed_hash_survives_a_margin_and_recompression(margin: int, quality: int) -> None:
    plain, edited = measured(photo()), measured(framed(photo(), margin), quality)
    assert distance(plain["pdq_trimmed"], edited["pdq_trimmed"]) <= 31
    assert distance(plain["pdq"], edited["pdq"]) > 31
    area = 500 * 400 / ((500 + 2 * margin) * (400 + 2 * margin))
    assert edited["border_share"] == pytest.approx(1 - area, abs=0.03)


def test_specks_in_the_margin_are_not_content() -> None:
    rgb = framed(photo(), 75)
    rgb[10, 5::20] = rgb[9::20, 12] = 0  # single pixels, 5 % of one row and of one column
    assert content_box(rgb) == (75, 75, 575, 475)


def test_the_trim_box_is_given_in_pixels_of_the_upright_original() -> None:
    turned = Image.fromarray(framed(photo(), 100))  # 700 × 600
    exif = turned.getexif()
    exif[0x0112] = 6  # to be shown turned by 90° clockwise
    buffer = io.BytesIO()
    turned.save(buffer, "JPEG", quality=92, exif=exif)
    row = signals(image.decode(buffer.getvalue(), DECODED))[0]
    assert (row["width"], row["height"]) == (600, 700)
    box = [row[f"trim_{edge}"] for edge in ("left", "top", "right", "bottom")]
    assert box == pytest.approx([100, 100, 500, 600], abs=8)


def test_one_batch_or_many_give_the_same_rows() -> None:
    pictures = [photo(seed=1), np.full((90, 70, 3), 255, np.uint8), framed(photo(seed=2), 60), photo(64, 200, 3)]
    looks = [look(image.decode(image.encode_jpeg(rgb), DECODED)) for rgb in pictures]
    assert rows(looks) == [row for one in looks for row in rows([one])]


def test_a_turned_or_mirrored_copy_is_among_the_orientations_and_a_cropped_one_near_the_centre() -> None:
    plain, other = measured(photo()), measured(photo(seed=9))
    orientations = [plain["pdq_turned"][at : at + 32] for at in range(0, 256, 32)]
    assert orientations[0] == plain["pdq_trimmed"]
    copies = {
        1: np.rot90(photo(), 1),
        3: np.rot90(photo(), -1),
        2: np.rot90(photo(), 2),
        5: photo()[:, ::-1],
        4: photo()[::-1],
    }
    for place, rgb in copies.items():
        turned = measured(np.ascontiguousarray(rgb))["pdq_trimmed"]
        assert distance(turned, orientations[place]) <= 20 < 60 < distance(turned, plain["pdq_trimmed"])
    assert min(distance(other["pdq_trimmed"], one) for one in orientations) > 60
    cropped = measured(np.ascontiguousarray(photo()[20:380, 25:475]))
    middle = plain["pdq_centres"][32:64]
    assert distance(cropped["pdq"], middle) <= 31 < distance(cropped["pdq"], plain["pdq"])


def test_exposure_and_print_are_told_by_their_shares() -> None:
    night, snow = measured((photo() * 0.1).astype(np.uint8)), measured((200 + photo() * 0.2).astype(np.uint8))
    assert night["dark_share"] > 0.99 > snow["dark_share"] == 0
    assert snow["bright_share"] > 0.3 > night["bright_share"] == 0
    assert measured(np.full((300, 300, 3), 255, np.uint8))["clipped_share"] == 1
    banner = cv2.GaussianBlur(photo(), (0, 0), 4)
    plain = measured(banner)["banner_share"]
    for line in range(3):
        cv2.putText(banner, "SALE -50% TODAY ONLY", (20, 40 + 45 * line), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (255,) * 3, 3)
    assert measured(banner)["banner_share"] > 0.08 > plain


def test_colours_tell_a_red_product_from_a_blue_one_and_ignore_the_margin() -> None:
    red = np.full((200, 200, 3), 255, np.uint8)
    red[50:150, 50:150] = (200, 30, 40)
    blue = red.copy()
    blue[50:150, 50:150] = (40, 60, 200)
    signature = measured(red)["colours"]
    assert len(signature) == 64
    assert abs(sum(signature) - 255) <= 4
    assert overlap(signature, measured(blue)["colours"]) < 0.2
    assert overlap(signature, measured(framed(red, 60), quality=60)["colours"]) > 0.85


def test_neutral_colours_do_not_jump_between_bins() -> None:
    greys = np.stack([np.full((8, 8, 3), (127 + d, 127, 127 - d), np.uint8) for d in (-1, 0, 1)])
    below, neutral, above = signatures(greys)[0]
    assert min(overlap(neutral, other) for other in (below, above)) > 0.9


def test_tones_tell_black_from_grey_and_a_grey_copy_keeps_them() -> None:
    red = framed(photo(), 50)
    grey = np.repeat(cv2.cvtColor(red, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    assert overlap(measured(red)["tones"], measured(grey)["tones"]) > 0.9
    black, light = (np.pad(np.full((80, 80, 3), level, np.uint8), ((40,) * 2, (40,) * 2, (0, 0)), constant_values=255)
                    for level in (20, 180))  # fmt: skip
    assert overlap(measured(black)["tones"], measured(light)["tones"]) < 0.2
    assert measured(np.full((90, 90, 3), 255, np.uint8))["tones"] == bytes(16)


def test_facts_and_preview() -> None:
    row, preview = signals(image.decode(image.encode_jpeg(photo(1200, 300))))
    assert (row["width"], row["height"], row["short_side"], row["format"]) == (1200, 300, 300, "JPEG")
    assert image.decode(preview).rgb.shape == (37, 150, 3)
    assert len(row["pdq"]) == 32


@pytest.mark.parametrize(("width", "height"), [(1, 1), (2, 300), (300, 1)])
def test_tiny_pictures_are_measured(width: int, height: int) -> None:
    row = measured(np.full((height, width, 3), 10, np.uint8))
    assert row["short_side"] == min(width, height)
    assert len(row["pdq"]) == 32
