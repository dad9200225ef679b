"""Files as a broken crawl leaves them: empty, cut off, garbage behind a good start, or something else altogether."""

from __future__ import annotations

from typing import Final

import numpy as np

from m5tools.vocabulary import Modality, Reason

_PIXEL: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)  # the empty GIF that trackers answer with
_PAGE: Final = (
    "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{text}</h1></body></html>\n",
    "\n\n<html lang=en>\n<head><meta charset=utf-8><title>{text}</title>\n<body><p>{status} {text}.</body>\n",
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{text}</Code><RequestId>{number:x}</RequestId></Error>',
    '{{"error": "{text}", "status": {status}, "request": "{number:x}"}}',
    "{status} page: {text}\n",
)
_NOISE: Final = 0.2
_TEXTS: Final = ("Not Found", "Access Denied", "Forbidden", "Gone", "Too Many Requests", "Service Unavailable")
_STATUSES: Final = (200, 403, 404, 410, 429, 503)


def spoiled(content: bytes, fault: Reason, wanted: Modality, rng: np.random.Generator) -> bytes:
    """What is left of a file.

    Args:
        content: the whole file.
        fault: what happened to it; other reasons leave it as it is.
        wanted: what the file was listed as.
        rng: the file's own generator.
    """
    if fault is Reason.EMPTY:
        return b""
    if fault is Reason.WRONG_TYPE:
        return _something_else(wanted, rng)
    if fault is Reason.TRUNCATED:
        return content[: int(len(content) * rng.uniform(0.05, 0.95))]
    if fault is Reason.UNDECODABLE:
        return _hollow(content, rng)
    return content


def _something_else(wanted: Modality, rng: np.random.Generator) -> bytes:
    """An error page, an error in JSON or XML, a PDF, noise of no known type; where no picture is wanted, also an empty
    pixel."""
    if rng.random() < _NOISE:
        return b"\x07" + rng.bytes(int(rng.integers(200, 6000)))  # no signature begins with this byte
    kind = int(rng.integers(len(_PAGE) + (1 if wanted is Modality.IMAGE else 2)))
    if kind > len(_PAGE):
        return _PIXEL
    number = int(rng.integers(1, 2**40))
    if kind == len(_PAGE):
        return b"%%PDF-1.4\n1 0 obj<</Type/Catalog>>endobj %% %d\ntrailer<</Root 1 0 R>>\n%%%%EOF\n" % number
    which = int(rng.integers(len(_TEXTS)))
    return _PAGE[kind].format(text=_TEXTS[which], status=_STATUSES[which], number=number).encode()


def _hollow(content: bytes, rng: np.random.Generator) -> bytes:
    """The file with its signature, its length and its last bytes, and garbage between, as after a bad disk block."""
    if content[4:8] != b"ftyp":
        return content[:12] + rng.bytes(max(0, len(content) - 44)) + content[-32:]
    filled = bytearray(content)  # boxes keep their sizes; without those the file would look cut off
    at = int.from_bytes(content[:4], "big")
    while at + 8 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        filled[at + 8 : at + size] = rng.bytes(size - 8)
        at += size
    return bytes(filled)
