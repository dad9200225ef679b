"""How near the hashes of edited copies stay: PDQ as measured against `pdqhash` on the same pictures.

Usage: python benchmarks/picture_copies.py DATA

Real pictures are re-encoded, shrunk, framed, cropped, mirrored and turned; told is the share of copies within 31 bits,
for the whole picture, for the better of whole and trimmed, and with orientations and centre besides; and how many pairs
of different pictures come within 31 bits of each other (Magento shows one garment in several colours).
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pdqhash
from PIL import Image

from m5tools.measure.image import DECODED, signals
from m5tools.measure.trim import content_box
from m5tools.media import image
from m5tools.media.image import Rgb

NEAR = 31
SETS = (("magento_luma", "*.jpg", 60), ("tuxpaint_stamps", "*.png", 60), ("clothing_categories", "*.jpg", 40))
Bits = npt.NDArray[np.uint8]
Views = tuple[Bits, Bits, Bits, Bits]  # whole, trimmed, its orientations, the middle of the whole: uint8 [n, 256]


def jpeg(rgb: Rgb, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def shrunk(rgb: Rgb, side: int) -> Rgb:
    small = Image.fromarray(rgb)
    small.thumbnail((side, side))
    return np.asarray(small)


def framed(rgb: Rgb, share: float) -> Rgb:
    down, across = (int(n * share) for n in rgb.shape[:2])
    return np.pad(rgb, ((down, down), (across, across), (0, 0)), constant_values=255)


def cropped(rgb: Rgb, share: float) -> Rgb:
    down, across = (int(n * share) for n in rgb.shape[:2])
    return np.ascontiguousarray(rgb[down : len(rgb) - down, across : rgb.shape[1] - across])


EDITS: dict[str, Callable[[Rgb], bytes]] = {
    "quality 50": lambda rgb: jpeg(rgb, 50),
    "to 300 px": lambda rgb: jpeg(shrunk(rgb, 300)),
    "to 150 px": lambda rgb: jpeg(shrunk(rgb, 150)),
    "margin 15 %": lambda rgb: jpeg(framed(rgb, 0.15)),
    "margin 40 %": lambda rgb: jpeg(framed(rgb, 0.4)),
    "margin 15 %, 300 px, quality 50": lambda rgb: jpeg(shrunk(framed(rgb, 0.15), 300), 50),
    "crop 5 %": lambda rgb: jpeg(cropped(rgb, 0.05)),
    "mirrored": lambda rgb: jpeg(np.ascontiguousarray(rgb[:, ::-1])),
    "turned by 90°": lambda rgb: jpeg(np.ascontiguousarray(np.rot90(rgb))),
}


def measured(data: bytes) -> Views:
    row, _ = signals(image.decode(data, DECODED))
    names = ("pdq", "pdq_trimmed", "pdq_turned", "pdq_centres")
    whole, *content = (np.unpackbits(np.frombuffer(row[n] or row["pdq"], np.uint8)).reshape(-1, 256) for n in names)
    return whole, content[0], content[1], content[2]


def reference(data: bytes) -> Views:
    """The package on a thumbnail of 256 pixels, with the same trim."""
    rgb = image.fit(image.decode(data, 256).rgb, 256)
    left, top, right, bottom = content_box(rgb) or (0, 0, rgb.shape[1], rgb.shape[0])
    content = np.ascontiguousarray(rgb[top:bottom, left:right])
    turned = np.asarray(pdqhash.compute_dihedral(content)[0], np.uint8)
    centre = cropped(rgb, 0.05)
    whole, trimmed, middle = (np.asarray(pdqhash.compute(part)[0], np.uint8)[None] for part in (rgb, content, centre))
    return whole, trimmed, turned, middle


def apart(a: Bits, b: Bits) -> int:
    return int((a[:, None] != b[None]).sum(axis=2).min())


def distances(a: Views, b: Views) -> tuple[int, int, int]:
    whole = apart(a[0], b[0])
    trimmed = min(whole, apart(a[1], b[1]))
    turned, middle = (min(apart(a[1], b[way]), apart(a[way], b[1])) for way in (2, 3))
    return whole, trimmed, min(trimmed, turned, middle, apart(a[0], b[3]), apart(a[3], b[0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    root = parser.parse_args().data
    cv2.setNumThreads(1)
    for folder, pattern, most in SETS:
        files = sorted((root / folder).rglob(pattern))[:most]
        pictures = [image.decode(f.read_bytes(), 4_000).rgb for f in files]
        for side in (reference, measured):
            plain = [side(jpeg(rgb, 92)) for rgb in pictures]
            told = []
            for name, edit in EDITS.items():
                far = np.array([distances(a, side(edit(rgb))) for a, rgb in zip(plain, pictures, strict=True)])
                told.append(f"{name} " + "/".join(f"{share:.2f}" for share in (far <= NEAR).mean(axis=0)))
            strangers = sum(apart(a[1], b[2]) <= NEAR for a, b in combinations(plain, 2))
            print(f"{folder} ({len(files)}), {side.__name__}: {'; '.join(told)}; different pictures {strangers}")


if __name__ == "__main__":
    main()
