"""A file that ends too soon is told from one that was damaged: any beginning of a whole one, and any noise behind one."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from m5tools.media.endings import is_cut

from .files import encoded, photo

NOISE = 2_000


def _jpeg(**options: object) -> bytes:
    return encoded(photo(96, 64), "JPEG", **options)


def _with_thumbnail() -> bytes:
    """A JPEG whose EXIF block holds a whole JPEG."""
    exif = Image.Exif()
    exif[0x010E] = "a thing on a table"
    block = exif.tobytes() + _jpeg(quality=20)
    return _jpeg(exif=block, comment=b"shown in spring")


def _animated() -> bytes:
    buffer = io.BytesIO()
    first, *others = [Image.fromarray(photo(40, 30, seed)).quantize(16) for seed in range(3)]
    first.save(buffer, "GIF", save_all=True, append_images=others, comment=b"turning")
    return buffer.getvalue()


FILES = {
    "baseline": _jpeg(),
    "progressive": _jpeg(progressive=True),
    "restarts": _jpeg(restart_marker_blocks=2),
    "thumbnail": _with_thumbnail(),
    "png": encoded(photo(40, 30), "PNG"),
    "gif": encoded(np.asarray(Image.fromarray(photo(40, 30)).convert("L")), "GIF"),
    "animated": _animated(),
}
HEADS = {"baseline": 20, "progressive": 20, "restarts": 20, "png": 8, "gif": 13, "animated": 13}
"""Where the first part of a file begins, that is, behind its signature and what has a fixed length."""


@pytest.mark.parametrize("kind", list(FILES))
def test_every_beginning_of_a_picture_is_cut_and_the_whole_is_not(kind: str) -> None:
    whole = FILES[kind]
    assert not is_cut(whole)
    assert not is_cut(whole + b"what a server adds")
    kept = range(16, len(whole) - 1)
    assert [length for length in kept if not is_cut(whole[:length])] == []


@pytest.mark.parametrize("kind", list(HEADS))
def test_noise_behind_a_signature_is_never_cut(kind: str) -> None:
    head = FILES[kind][: HEADS[kind]]
    rng = np.random.default_rng(len(head))
    sizes = rng.integers(2_000, 20_000, NOISE)
    assert [seed for seed, size in enumerate(sizes) if is_cut(head + np.random.default_rng(seed).bytes(size))] == []


@pytest.mark.parametrize("kind", ["baseline", "progressive", "restarts", "thumbnail", "png"])
def test_noise_from_anywhere_on_is_damage(kind: str) -> None:
    whole = FILES[kind]
    breaks = np.random.default_rng(5).integers(HEADS.get(kind, 20), len(whole) - 64, NOISE)
    noisy = (whole[:place] + np.random.default_rng(seed).bytes(9_000) for seed, place in enumerate(breaks))
    assert sum(bool(is_cut(data)) for data in noisy) == 0


@pytest.mark.parametrize(
    ("tail", "why"),
    [
        (b"\xff\xe5\xf0\x00\x13\x9a\x02\x77", "an application's segment begins with its name"),
        (b"\xff\xdb\xf0\x00\x00\x01\x02\x03", "quantisation tables are short"),
        (b"\xff\xc0\xf0\x00\x08\x00\x10\x00\x10\x03", "a frame is as long as its components ask"),
        (b"\xff\xf7\xf0\x00abcd", "the marker is reserved"),
        (b"\xff\xe5\x00\x01abcd", "no segment is shorter than its length"),
        (b"\xff\x42\xf0\x00abcd", "no marker"),
    ],
)
def test_what_reaches_past_the_end_must_be_a_segment(tail: bytes, why: str) -> None:
    head = FILES["baseline"][:20]
    assert is_cut(head + b"\xff\xe5\xf0\x00Some name")
    assert is_cut(head + b"\xff\xdb\x00\x43\x00")
    assert not is_cut(head + tail), why
