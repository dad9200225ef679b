"""An HTTP response as archives keep it (RFC 9112): status, headers, and the body without its encodings."""

from __future__ import annotations

import codecs
import re
import zlib
from dataclasses import dataclass

import pyarrow as pa

_CODECS = {"gzip": "gzip", "x-gzip": "gzip", "br": "brotli", "zstd": "zstd"}
_HTML = ("text/html", "application/xhtml+xml")
_NO_TEXT = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_SIZE = re.compile(rb"0*[0-9A-Fa-f]{1,8}")
_DIGITS = 19
_MARKUP = re.compile(rb"\s*(?:\xef\xbb\xbf)?\s*<(?:!doctype|html|!--|head|\?xml)", re.IGNORECASE)


@dataclass(frozen=True)
class HttpMessage:
    """One response.

    Attributes:
        status: the code.
        headers: by lower-case name; of a repeated one the last.
        delivered: the body as it came over the wire, or as the archive's writer left it.
    """

    status: int
    headers: dict[str, str]
    delivered: bytes

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower() or "unknown type"

    @property
    def is_html(self) -> bool:
        return self.kind in _HTML or (self.kind == "unknown type" and _MARKUP.match(self.delivered) is not None)

    @property
    def charset(self) -> str | None:
        found = re.search(r"charset\s*=\s*\"?'?([\w.:-]+)", self.headers.get("content-type", ""), re.IGNORECASE)
        return found[1] if found else None

    def body(self, limit: int) -> bytes:
        """The body decoded, at most one byte more than `limit`.

        Writers often store bodies decoded and keep the headers; a body that is plainly not what its header says is
        taken as it is.

        Raises:
            ValueError: it is neither what its header says nor markup, or ends early.
        """
        data = self.delivered
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            data = _unchunked(data)
        elif "content-encoding" not in self.headers:
            told = self.headers.get("content-length", "")
            if told.isdecimal() and len(told) < _DIGITS and len(data) < int(told):
                raise ValueError(f"the page ends after {len(data):,} of {int(told):,} bytes")
        for encoding in reversed(self.headers.get("content-encoding", "").lower().split(",")):
            encoding = encoding.strip()
            if encoding in ("", "identity", "none", "utf-8"):
                continue
            try:
                data = _decoded(data, encoding, limit + 1)
            except (OSError, zlib.error, ValueError) as error:
                if self.kind in _HTML and not _is_markup(data[:1_024]):
                    raise ValueError(f"content encoding {encoding}: {error}") from error
        return data


def _is_markup(head: bytes) -> bool:
    """Whether the first bytes of a body are those of a page, and not of something packed."""
    return b"<" in head and (head.startswith(_WIDE) or _NO_TEXT.search(head) is None)


def message_of(block: bytes) -> HttpMessage:
    """Read a response.

    Raises:
        ValueError: it does not begin like one.
    """
    head, separator, body = block.partition(b"\r\n\r\n")
    if not separator or len(head) > 1 << 17:
        head, separator, body = block.partition(b"\n\n")
    status, *lines = head.decode("latin-1").splitlines() or [""]
    code = re.match(r"HTTP/\d(?:\.\d)? (\d{3})", status)
    if code is None:
        raise ValueError("no HTTP response")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            headers[name.strip().lower()] = value.strip()
    return HttpMessage(int(code[1]), headers, body)


def _unchunked(data: bytes) -> bytes:
    """Chunks joined (RFC 9112, 7.1); data that is not chunked comes back as it is.

    Raises:
        ValueError: there is no last chunk.
    """
    parts: list[bytes] = []
    place = 0
    while (line_end := data.find(b"\r\n", place, place + 100)) >= 0:
        size = data[place:line_end].split(b";")[0].strip()
        if not _SIZE.fullmatch(size):
            break
        if int(size, 16) == 0:
            return b"".join(parts)
        parts.append(data[line_end + 2 : line_end + 2 + int(size, 16)])
        place = line_end + 2 + int(size, 16) + 2
    if parts and data[place:].strip() != b"0":
        raise ValueError("the page ends before its last chunk")
    return b"".join(parts) if parts else data


def _decoded(data: bytes, encoding: str, limit: int) -> bytes:
    """One content encoding undone; never more than `limit` bytes, whatever the data would grow to."""
    if encoding == "deflate":
        try:
            return _inflated(data, zlib.MAX_WBITS, limit)
        except zlib.error:  # many servers send it without the zlib header
            return _inflated(data, -zlib.MAX_WBITS, limit)
    if encoding not in _CODECS:
        raise ValueError("unknown")
    stream = pa.CompressedInputStream(pa.BufferReader(data), _CODECS[encoding])
    return bytes(stream.read(limit))


def _inflated(data: bytes, window: int, limit: int) -> bytes:
    stream = zlib.decompressobj(window)
    found = stream.decompress(data, limit)
    if not stream.eof and len(found) < limit:
        raise ValueError("it ends early")
    return found
