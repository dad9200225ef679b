"""Pictures: bytes → RGB at reduced scale, with the facts of the original; RGB → JPEG.

JPEG goes through simplejpeg, which decodes at 1/2, 1/4 or 1/8 straight from the DCT (factors between 1 and 2 lose its
fast path); everything else through Pillow with its block cache on (its buffers otherwise return to the system after
every picture, which costs 3–4× on virtual machines).
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt
import simplejpeg
from PIL import ExifTags, Image

from m5tools.media.guard import LIMITS, DecodeError, Limits, check, guarded, quiet
from m5tools.vocabulary import Modality, Reason

Rgb = npt.NDArray[np.uint8]

cv2.setNumThreads(1)  # the workers are the parallelism
Image.core.set_blocks_max(64)  # type: ignore[attr-defined]
quiet()

_PLAIN_JPEG: Final = ("YCbCr", "RGB", "Gray")
_SCAN: Final = b"\xff\xda"
_EXIF: Final = b"Exif\x00\x00"


@dataclass(frozen=True)
class Picture:
    """A decoded picture.

    Attributes:
        rgb: uint8 [h, w, 3], upright, transparent parts over white, at reduced scale.
        width: of the original after EXIF orientation, in pixels.
        height: likewise.
        format: as Pillow names it: JPEG, PNG, WEBP …
        has_alpha: it has an alpha channel that is not opaque everywhere.
    """

    rgb: Rgb
    width: int
    height: int
    format: str
    has_alpha: bool


def decode(data: bytes, at_least: int = 256, limits: Limits = LIMITS) -> Picture:
    """Decode the first frame of a picture at reduced scale.

    Args:
        data: the whole file.
        at_least: the short side keeps at least this many pixels (if the original has them); the result is at most
            twice as large unless the decoder cannot reduce that far.
        limits: what it may cost.

    Raises:
        DecodeError: with the reason to record.
    """
    mime = check(data, Modality.IMAGE, limits)
    with guarded(data):
        if mime == "image/jpeg":
            picture = _simplejpeg(data, at_least, limits)
            if picture is not None:
                return picture
        return _pillow(data, at_least, limits)


def _simplejpeg(data: bytes, at_least: int, limits: Limits) -> Picture | None:
    """The fast path; None for CMYK and for files with a blemish that Pillow may judge."""
    try:
        height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
        _check_size(width, height, limits)
        if colours not in _PLAIN_JPEG:
            return None
        small = min(at_least, width, height)
        rgb = simplejpeg.decode_jpeg(data, "RGB", min_height=small, min_width=small, min_factor=2)
    except ValueError:
        return None
    return _picture(_halved(rgb, at_least), width, height, "JPEG", False, _turn(data))


def _turn(data: bytes) -> int:
    """Orientation of a JPEG, from its EXIF block alone: opening the file with Pillow takes four times as long."""
    head = _head(data)
    start = head.find(_EXIF)
    if start < 0:
        return 1
    if head.count(_EXIF) > 1 or b"tiff:Orientation" in head:  # Pillow joins blocks, and reads XMP where EXIF is silent
        with Image.open(io.BytesIO(data)) as image:
            return _orientation(image.getexif)
    return _orientation(lambda: _exif(head[start:]))


def _exif(block: bytes) -> Image.Exif:
    exif = Image.Exif()
    exif.load(block)
    return exif


def _head(data: bytes) -> bytes:
    """The segments in front of a JPEG's picture (ITU-T T.81, annex B); a long start where filling lies between them."""
    at = 2
    while b"\xff\xc0" <= (marker := data[at : at + 2]) < b"\xff\xff" and marker != _SCAN:
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return data[: at if marker == _SCAN else 65_536]


def _pillow(data: bytes, at_least: int, limits: Limits) -> Picture:
    with Image.open(io.BytesIO(data)) as image:
        width, height = image.size
        _check_size(width, height, limits)
        if image.format in ("JPEG", "MPO"):
            image.draft("RGB", (min(at_least, width), min(at_least, height)))
        image.load()
        if image.format == "TIFF":  # Pillow turns TIFFs upright while loading
            width, height = image.size
        rgb, has_alpha = _rgb(image)
        return _picture(
            _halved(rgb, at_least), width, height, image.format or "", has_alpha, _orientation(image.getexif)
        )


def _check_size(width: int, height: int, limits: Limits) -> None:
    if width * height > limits.pixels:
        raise DecodeError(Reason.TOO_LARGE, f"{width:,} × {height:,} pixels")
    if width < 1 or height < 1:
        raise DecodeError(Reason.UNDECODABLE, f"{width} × {height} pixels")


def _rgb(image: Image.Image) -> tuple[Rgb, bool]:
    """The pixels as uint8 RGB, transparent parts over white, and whether there were any."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return np.asarray(image), False
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_deep_grey(np.asarray(image)), False
    if not image.has_transparency_data:
        return np.asarray(image.convert("RGB")), False
    rgba = np.asarray(image.convert("RGBA"))
    alpha = rgba[..., 3:].astype(np.uint16)
    if alpha.min() == 255:
        return np.ascontiguousarray(rgba[..., :3]), False
    over_white = (rgba[..., :3] * alpha + 255 * (255 - alpha) + 127) // 255
    return over_white.astype(np.uint8), True


def _from_deep_grey(values: npt.NDArray[Any]) -> Rgb:
    """Grey of 16 or 32 bits, or float, brought to a byte.

    Sensors of 10, 12 or 14 bits write words of 16 and would come out black, so the highest value tells how many bits of
    the word are used.
    """
    top = float(np.max(values, initial=0.0, where=np.isfinite(values)))
    bits = max(8, 2 * math.ceil(math.log2(top + 1) / 2))
    scale = 255.0 if values.dtype.kind == "f" and top <= 1 else 255 / (2**bits - 1)
    grey = np.clip(np.nan_to_num(values.astype(np.float32)) * np.float32(scale), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


def _orientation(read: Callable[[], Image.Exif]) -> int:
    """EXIF orientation, 1–8; 1 where the EXIF block is damaged: that says nothing about the picture."""
    try:
        turn = read().get(ExifTags.Base.Orientation, 1)
    except Exception:  # noqa: BLE001 - Pillow's EXIF reader raises whatever it trips over
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _picture(rgb: Rgb, width: int, height: int, kind: str, has_alpha: bool, turn: int) -> Picture:
    if turn >= 5:
        width, height = height, width
    return Picture(upright(rgb, turn), width, height, "JPEG" if kind == "MPO" else kind, has_alpha)


def upright(rgb: Rgb, orientation: int) -> Rgb:
    """Undo an EXIF orientation (1–8; Exif 2.32, tag 0x0112)."""
    if orientation >= 5:
        rgb = rgb.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        rgb = rgb[::-1]
    if orientation in (2, 3, 6, 7):
        rgb = rgb[:, ::-1]
    return np.ascontiguousarray(rgb)


def _halved(rgb: Rgb, at_least: int) -> Rgb:
    """Reduce by a whole factor where the short side stays ≥ `at_least`."""
    height, width = rgb.shape[:2]
    factor = min(width, height) // max(at_least, 1)
    if factor < 2:
        return rgb
    return _resize(rgb, (width // factor, height // factor), cv2.INTER_AREA)


def fit(rgb: Rgb, long_side: int) -> Rgb:
    """Shrink so that neither side exceeds `long_side` pixels; smaller pictures stay as they are.

    Area averaging from a factor of two on, where linear sampling would alias; linear below, which is faster.
    """
    height, width = rgb.shape[:2]
    longest = max(height, width)
    if longest <= long_side:
        return rgb
    size = (max(1, round(width * long_side / longest)), max(1, round(height * long_side / longest)))
    method = cv2.INTER_AREA if longest >= 2 * long_side else cv2.INTER_LINEAR
    return _resize(rgb, size, method)


def _resize(rgb: Rgb, size: tuple[int, int], method: int) -> Rgb:
    small: Rgb = np.asarray(cv2.resize(rgb, size, interpolation=method), np.uint8)
    return small


def encode_jpeg(rgb: Rgb, quality: int = 87) -> bytes:
    """A baseline 4:2:0 JPEG of uint8 [h, w, 3]."""
    rows = np.ascontiguousarray(rgb)
    data: bytes = simplejpeg.encode_jpeg(rows, quality=quality, colorspace="RGB", colorsubsampling="420")
    return data
