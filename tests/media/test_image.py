"""Pictures: reduced scale, orientation, transparency, odd modes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from m5tools.media import image
from m5tools.media.guard import DecodeError

from .files import encoded, photo


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"])
def test_facts_are_the_originals_and_pixels_are_reduced(kind: str) -> None:
    picture = image.decode(encoded(photo(1280, 960), kind), at_least=256)
    assert (picture.width, picture.height, picture.format, picture.has_alpha) == (1280, 960, kind, False)
    short = min(picture.rgb.shape[:2])
    assert 256 <= short < 512
    assert picture.rgb.dtype == np.uint8


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_small_pictures_keep_their_size(kind: str) -> None:
    assert image.decode(encoded(photo(100, 60), kind)).rgb.shape == (60, 100, 3)


def test_the_reduced_picture_shows_the_same() -> None:
    rgb = photo(1024, 768)
    reduced = image.decode(encoded(rgb, quality=95), at_least=256).rgb
    wanted = np.asarray(Image.fromarray(rgb).resize(reduced.shape[1::-1], Image.Resampling.BOX))
    assert np.abs(reduced.astype(int) - wanted).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_exif_orientation_is_applied(orientation: int, kind: str) -> None:
    upright = np.zeros((60, 100, 3), np.uint8)
    upright[:20, :40] = (250, 0, 0)  # no symmetry
    stored_from = {5: 5, 6: 8, 7: 7, 8: 6}.get(orientation, orientation)  # the inverse turn
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(image.upright(upright, stored_from), kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))
    picture = image.decode(data)
    assert (picture.width, picture.height) == (100, 60)
    assert np.abs(picture.rgb.astype(int) - upright).mean() < 8


@pytest.mark.parametrize("between", [b"\xff\xfe\x00\x04hi", b"\xff" * 3, b"\xff\xe1\x00\x04ab"])
def test_exif_is_found_behind_other_segments_and_filling(between: bytes) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(64, 48), exif=exif)
    start = data.index(b"Exif\x00\x00") - 4
    found = image.decode(data[:start] + between + data[start:])
    assert (found.width, found.height) == (48, 64)


def test_damaged_exif_costs_nothing_but_the_orientation() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = encoded(photo(64, 48), exif=exif)
    start = data.index(b"Exif\x00\x00")
    damaged = data[: start + 6] + b"\xff" * 12 + data[start + 18 :]
    assert image.decode(damaged).rgb.shape == (48, 64, 3)


def test_transparency_lies_over_white() -> None:
    rgba = np.zeros((20, 20, 4), np.uint8)
    rgba[:, 10:] = (0, 0, 255, 255)
    rgba[:, :5, 3] = 128
    picture = image.decode(encoded(rgba, "PNG"))
    assert picture.has_alpha
    assert picture.rgb[0, 7].tolist() == [255, 255, 255]
    assert picture.rgb[0, 15].tolist() == [0, 0, 255]
    assert abs(int(picture.rgb[0, 2, 0]) - 127) <= 1
    rgba[..., 3] = 255
    assert not image.decode(encoded(rgba, "PNG")).has_alpha


def test_palette_with_a_transparent_colour(tmp_path: Path) -> None:
    indexed = Image.new("P", (10, 10), 0)
    indexed.putpalette([255, 0, 0, 0, 255, 0])
    indexed.putpixel((3, 3), 1)
    indexed.save(tmp_path / "p.png", transparency=0)
    picture = image.decode((tmp_path / "p.png").read_bytes())
    assert picture.has_alpha
    assert picture.rgb[0, 0].tolist() == [255, 255, 255]
    assert picture.rgb[3, 3].tolist() == [0, 255, 0]


def test_sixteen_bit_grey_is_scaled_not_clipped() -> None:
    ramp = np.tile(np.linspace(0, 65_535, 100).astype(np.uint16), (20, 1))
    rgb = image.decode(encoded(ramp, "PNG")).rgb
    assert rgb[0, 50, 0] in range(125, 132)
    assert rgb[0, -1, 0] == 255


@pytest.mark.parametrize(("top", "brightness"), [(694, 172), (4_095, 255), (16_000, 249), (40_000, 155)])
def test_a_sensor_of_fewer_bits_than_the_words_it_writes_is_not_black(top: int, brightness: int) -> None:
    ramp = np.tile(np.linspace(0, top, 100).astype(np.uint16), (20, 1))
    assert image.decode(encoded(ramp, "PNG")).rgb[0, -1, 0] == brightness


def test_cmyk_and_grey_jpegs() -> None:
    inks = np.zeros((40, 40, 4), np.uint8)
    inks[..., 1:3] = 255  # no cyan, all magenta and yellow
    file = io.BytesIO()
    Image.fromarray(inks, "CMYK").save(file, "JPEG", quality=95)
    red, green, _ = image.decode(file.getvalue()).rgb[20, 20].astype(int)
    assert red > 200 > 60 > green
    grey = image.decode(encoded(photo(64, 48)[..., 0], "JPEG"))
    assert grey.rgb.shape == (48, 64, 3)
    assert (grey.rgb[..., 0] == grey.rgb[..., 2]).all()


def test_fit_and_encode() -> None:
    small = image.fit(photo(640, 480), 256)
    assert small.shape == (192, 256, 3)
    assert image.fit(small, 300) is small
    again = image.decode(image.encode_jpeg(small, 95)).rgb
    assert np.abs(again.astype(int) - small).mean() < 5
    assert image.fit(photo(900, 2), 256).shape == (1, 256, 3)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # what Pillow mutters about these files is known
def test_odd_pictures_all_end_in_an_array_or_a_reason(real_data: Path) -> None:
    files = sorted(f for f in (real_data / "odd_images_pillow").rglob("*") if f.is_file() and f.suffix != ".md")
    outcomes = [_outcome(f.read_bytes()) for f in files]
    assert len(outcomes) > 300
    assert outcomes.count("array") > 0.85 * len(outcomes)
    assert {"too_large", "truncated", "undecodable"} <= set(outcomes)


def test_real_photos_are_upright(real_data: Path) -> None:
    files = sorted((real_data / "exif_orientation").rglob("*.jpg"))
    assert files
    for file in files:
        picture = image.decode(file.read_bytes())
        ratio = picture.rgb.shape[1] / picture.rgb.shape[0]
        assert abs(ratio - picture.width / picture.height) < 0.02


def _outcome(data: bytes) -> str:
    try:
        picture = image.decode(data)
    except DecodeError as error:
        return error.reason.word
    assert picture.rgb.ndim == 3
    assert picture.rgb.size
    return "array"
