"""What a file may cost, what it is, and the one edge where a decoder's exception becomes a reason.

Crawled bytes are not to be trusted: files are empty, cut off, HTML pages called `.jpg`, or pictures of 25 kB that claim
3,000,000 × 2,000,000 pixels. The decoders run inside :func:`guarded`, so every failure leaves as a
:class:`DecodeError` with a :class:`~m5tools.vocabulary.Reason`.

Sources of the signatures: RFC 9649 (WebP), ISO/IEC 14496-12 (MP4 boxes), RFC 8794 (EBML), RFC 3533 (Ogg), RFC 9639
(FLAC), and the format descriptions of JPEG, PNG, GIF, BMP, TIFF, PSD, RIFF and MPEG audio.
"""

from __future__ import annotations

import logging
import re
import resource
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import av.logging
from PIL import Image

from m5tools.media.endings import is_cut
from m5tools.vocabulary import Modality, Reason


@dataclass(frozen=True)
class Limits:
    """What one file may cost.

    Attributes:
        bytes: length of the file.
        pixels: width × height that it claims.
        frames: video frames decoded while looking for those to keep.
        decoded_pixels: likewise in pixels: a minute of 1920 × 1080 at 30 frames a second.
        samples: sound samples decoded, all channels together.
    """

    bytes: int = 512 * 2**20
    pixels: int = 100_000_000
    frames: int = 20_000
    decoded_pixels: int = 4_000_000_000
    samples: int = 60_000_000


LIMITS: Final = Limits()
MEMORY: Final = 2**30


@contextmanager
def bounded(memory: int = MEMORY) -> Iterator[None]:
    """Let this process allocate `memory` bytes more than it holds, where the system can limit that (Linux).

    A decoder that asks for more is refused, which leaves as MEMORY_LIMIT, or dies of it, which costs the one file.
    """
    held = _held()
    if held is None:
        yield
        return
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    bounds = [held + memory, *(limit for limit in (before, hard) if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_DATA, (min(bounds), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))


def _held() -> int | None:
    """Bytes of private writable memory that this process has reserved."""
    if sys.platform != "linux":
        return None
    return int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()


class DecodeError(Exception):
    """A file could not be read.

    Attributes:
        reason: the reason to record.
        message: what the decoder said.
    """

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(f"{reason.word}: {message}")
        self.reason = reason
        self.message = message

    def __reduce__(self) -> tuple[type[DecodeError], tuple[Reason, str]]:
        return type(self), (self.reason, self.message)


class NoSoundTrack(DecodeError):
    """A sound container of good health that holds no sound: a silent film is not a broken file."""

    def __init__(self, reason: Reason = Reason.NOT_LISTED, message: str = "the file has no sound track") -> None:
        super().__init__(reason, message)


def quiet() -> None:
    """Keep decoders from writing to the log: what they have to say arrives as a reason."""
    warnings.filterwarnings("ignore", module=r"PIL\b")
    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    logging.getLogger("PIL").setLevel(logging.CRITICAL)
    av.logging.set_level(av.logging.PANIC)


@contextmanager
def guarded(data: bytes) -> Iterator[None]:
    """Run a decoder on `data`; whatever it raises leaves as a DecodeError.

    Raises:
        DecodeError: MEMORY_LIMIT, TOO_LARGE, TRUNCATED where the bytes end before the format says they should, else
            UNDECODABLE.
    """
    try:
        yield
    except DecodeError:
        raise
    except MemoryError as error:
        raise DecodeError(Reason.MEMORY_LIMIT, str(error) or "out of memory") from error
    except Image.DecompressionBombError as error:
        raise DecodeError(Reason.TOO_LARGE, str(error)) from error
    except Exception as error:  # the one edge: a decoder may raise anything
        if _STARVED.search(str(error)):
            raise DecodeError(Reason.MEMORY_LIMIT, str(error)) from error
        said = f"{type(error).__name__}: {error}"
        cut = is_cut(data)
        if cut is None:
            cut = sniff(data[:4096])[0] is not None and _CUT.search(said) is not None
        raise DecodeError(Reason.TRUNCATED if cut else Reason.UNDECODABLE, said) from error


_STARVED: Final = re.compile(r"cannot allocate|out of memory|insufficient memory|failed to allocate", re.IGNORECASE)
_CUT: Final = re.compile(r"truncated|premature end|end of file|EOF|incomplete", re.IGNORECASE)


def check(data: bytes, wanted: Modality, limits: Limits = LIMITS) -> str:
    """Refuse what no decoder of `wanted` needs to see; give the media type judged by the bytes.

    Raises:
        DecodeError: EMPTY, TOO_LARGE, WRONG_TYPE (text, a page, or another modality), TRUNCATED (the container says
            how long it is, and the file is shorter).
    """
    if not data:
        raise DecodeError(Reason.EMPTY, "the file has no bytes")
    if len(data) > limits.bytes:
        raise DecodeError(Reason.TOO_LARGE, f"{len(data):,} bytes")
    modality, mime = sniff(data[:4096])
    holds_sound = wanted is Modality.AUDIO and modality is Modality.VIDEO
    if (modality not in (wanted, None) and not holds_sound) or mime.startswith(("text/", "application/pdf")):
        raise DecodeError(Reason.WRONG_TYPE, f"{mime}, not {wanted}")
    if wanted is not Modality.IMAGE and is_cut(data):
        raise DecodeError(Reason.TRUNCATED, f"{mime}: ends before its container does")
    return mime


_I, _V, _A = Modality.IMAGE, Modality.VIDEO, Modality.AUDIO
_MAGIC: Final[tuple[tuple[bytes, Modality | None, str], ...]] = (
    (b"\xff\xd8\xff", _I, "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", _I, "image/png"),
    (b"GIF87a", _I, "image/gif"),
    (b"GIF89a", _I, "image/gif"),
    (b"BM", _I, "image/bmp"),
    (b"II*\x00", _I, "image/tiff"),
    (b"MM\x00*", _I, "image/tiff"),
    (b"II+\x00", _I, "image/tiff"),
    (b"MM\x00+", _I, "image/tiff"),
    (b"8BPS", _I, "image/vnd.adobe.photoshop"),
    (b"\x00\x00\x01\x00", _I, "image/x-icon"),
    (b"\x00\x00\x00\x0cjP  ", _I, "image/jp2"),
    (b"\xff\x4f\xff\x51", _I, "image/j2k"),
    (b"\x1a\x45\xdf\xa3", _V, "video/webm"),
    (b"FLV\x01", _V, "video/x-flv"),
    (b"\x00\x00\x01\xba", _V, "video/mpeg"),
    (b"\x00\x00\x01\xb3", _V, "video/mpeg"),
    (b"fLaC", _A, "audio/flac"),
    (b"ID3", _A, "audio/mpeg"),
    (b"FORM", _A, "audio/aiff"),
    (b"MThd", _A, "audio/midi"),
    (b"wvpk", _A, "audio/wavpack"),
    (b"MAC ", _A, "audio/ape"),
    (b"%PDF-", None, "application/pdf"),
    (b"PK\x03\x04", None, "application/zip"),
    (b"\x1f\x8b", None, "application/gzip"),
)
_RIFF: Final = {b"WEBP": (_I, "image/webp"), b"AVI ": (_V, "video/x-msvideo"), b"WAVE": (_A, "audio/wav")}
_AUDIO_BRANDS: Final = (b"M4A ", b"M4B ", b"M4P ")
_IMAGE_BRANDS: Final = {
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"), "image/heic"),
    **dict.fromkeys((b"mif1", b"msf1"), "image/heif"),
}


def sniff(head: bytes) -> tuple[Modality | None, str]:
    """Modality and media type by the first bytes (4 KiB are enough).

    Returns:
        Modality None for text, documents and what is not known (`application/octet-stream`).
    """
    if head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:12] in _RIFF:
        return _RIFF[head[8:12]]
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide"):
        return _mp4_brand(head)
    if head[:4] == b"OggS":
        sound = b"theora" not in head[:512] and b"OVP80" not in head[:512]
        return (_A, "audio/ogg") if sound else (_V, "video/ogg")
    for magic, modality, mime in _MAGIC:
        if head.startswith(magic):
            return modality, mime
    mpeg = _mpeg_audio(head)
    return (_A, mpeg) if mpeg else _text(head)


def _mpeg_audio(head: bytes) -> str | None:
    """ADTS, or a frame of MPEG layer II or III with a rate that exists; the sync word alone is met in any noise."""
    if len(head) < 4 or head[0] != 0xFF:
        return None
    if head[1] & 0xF6 == 0xF0:
        return "audio/aac"
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    bit_rate, sample_rate = head[2] >> 4, head[2] >> 2 & 3
    frame = head[1] >= 0xE0 and version != 1 and layer in (1, 2) and 0 < bit_rate < 15 and sample_rate != 3
    return "audio/mpeg" if frame else None


def _mp4_brand(head: bytes) -> tuple[Modality, str]:
    brand = head[8:12] if head[4:8] == b"ftyp" else b""
    if brand in _IMAGE_BRANDS:
        return _I, _IMAGE_BRANDS[brand]
    if brand in _AUDIO_BRANDS:
        return _A, "audio/mp4"
    return _V, "video/quicktime" if brand in (b"qt  ", b"") else "video/mp4"


def _text(head: bytes) -> tuple[Modality | None, str]:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:512].lower()
    if start.startswith((b"<svg", b"<?xml", b"<!doctype svg", b"<!--")) and b"<svg" in start and b"<html" not in start:
        return _I, "image/svg+xml"
    if start.startswith((b"<!doctype", b"<html", b"<head", b"<body", b"<?xml", b"<!--")):
        return None, "text/html"
    control = sum(byte < 9 or 13 < byte < 32 for byte in head)
    if head and not control and (head.isascii() or (len(head) >= 16 and _is_utf8(head))):
        return None, "text/plain"
    return None, "application/octet-stream"


def _is_utf8(head: bytes) -> bool:
    """Valid UTF-8, a character cut at the very end aside."""
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.start > len(head) - 4 and error.reason == "unexpected end of data"
    return True
