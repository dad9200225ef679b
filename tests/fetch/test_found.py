"""What bytes are, judged by their beginning: of the listed kind, or something else."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from m5tools.fetch.found import judged
from m5tools.vocabulary import Modality

P, V, A = Modality.IMAGE, Modality.VIDEO, Modality.AUDIO


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "AVIF", "JPEG2000"])
def test_pictures_as_shops_serve_them(form: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), (200, 30, 30)).save(out, form)
    head = out.getvalue()[:4096]
    assert (judged(head, P) or "").startswith("image/")
    assert judged(head, V) is None
    assert judged(head, A) is None


@pytest.mark.parametrize(
    ("head", "kind", "mime"),
    [
        (b"\xff\x0a" + bytes(50), P, "image/jxl"), (b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a", P, "image/jxl"), (b"<svg xmlns='x'></svg>", P, "image/svg+xml"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(50), V, "video/x-ms-asf"), ((b"G" + bytes(187)) * 4, V, "video/mp2t"),
        (b"#!AMR\n" + bytes(9), A, "audio/amr"), (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11" + bytes(50), A, "video/x-ms-asf"),
    ],
)  # fmt: skip
def test_formats_that_decoders_know(head: bytes, kind: Modality, mime: str) -> None:
    assert judged(head, kind) == mime


@pytest.mark.parametrize("kind", [P, V, A])
@pytest.mark.parametrize(
    "head",
    [
        b"<html>sorry</html>", b"\n\n <!DOCTYPE html>", b'{"error": 404}', b"not found", "<html>".encode("utf-16"), b"%PDF-1.4", b"PK\x03\x04",
        b"\x1f\x8b\x08" + bytes(20), bytes(4096), bytes(range(250, 0, -7)), b"\xff\xd8", b"", b"G" + bytes(400), b"MZ\x90\x00", b"\x7fELF",
    ],
)  # fmt: skip
def test_what_is_of_no_known_type_is_no_media(head: bytes, kind: Modality) -> None:
    assert judged(head, kind) is None
