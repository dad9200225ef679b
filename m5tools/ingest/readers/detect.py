"""The format of an input, told by its bytes. A suffix is no evidence: feeds are served as `.php`, tables as `.txt`."""

from __future__ import annotations

import re
from typing import Final

from m5tools.ingest.readers.encoding import encoding_of, is_wide
from m5tools.ingest.readers.json_lines import holds_json_lines
from m5tools.ingest.readers.json_walk import is_keyed
from m5tools.ingest.readers.opening import HEAD_BYTES, head_of, whole_files

_BOM: Final = b"\xef\xbb\xbf"
_BEFORE_A_TEXT: Final = b" \t\n\r\x0b\f\x1e"
_MOST_MEMBERS: Final = 20
_MOST_LINES: Final = 0.9
_MOST_CONTROLS: Final = 0.02
# Control characters that no text holds and no export delimits with: compressed data is one fourteenth of them.
_NOT_IN_TEXTS: Final = bytes([*range(0x04, 0x09), *range(0x0E, 0x1B)])
_TAR: Final = slice(257, 262)
_HTML: Final = re.compile(rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)


def telling(path: str, name: str) -> tuple[str | None, bytes]:
    """The name of the reader that fits a file, None for none, and the bytes that tell it.

    Of an archive the first member that has a format speaks: one that is empty, damaged or refused says nothing about
    the others.

    Raises:
        UsageError: the file cannot be read.
    """
    for chunk in whole_files(path, name)[:_MOST_MEMBERS]:
        head = head_of(chunk)
        if (kind := format_of_bytes(head)) is not None:
            return kind, head
    return None, b""


def format_of_bytes(head: bytes) -> str | None:
    """The name of the reader that fits the first bytes of an unpacked input; None for none."""
    if head[_TAR] == b"ustar":
        return None
    if head.startswith(b"PAR1"):
        return "parquet"
    if is_wide(head):
        head = head.decode(encoding_of(head, whole=False), "ignore").encode("utf-8", "surrogatepass")
    text = head.removeprefix(_BOM).lstrip(_BEFORE_A_TEXT)
    if text.startswith(b"["):
        return "json"
    if text.startswith(b"{"):
        alone = len(head) < HEAD_BYTES and text.rstrip().count(b"\n") == 0 and not is_keyed(text[1:])
        return "json_lines" if holds_json_lines(head) or alone else "json"
    if text.startswith(b"<"):
        return None if _HTML.search(text[:1_024]) else "xml"
    if len(text) - len(text.translate(None, _NOT_IN_TEXTS)) > _MOST_CONTROLS * len(text):
        return None
    return "csv" if text and (text.count(0) * 100 < len(text) or _is_damaged_text(text)) else None


def _is_damaged_text(text: bytes) -> bool:
    """Whether NUL is in few lines only, and the others are text."""
    lines = text.split(b"\n")
    whole = [line for line in lines if b"\0" not in line]
    return len(whole) >= _MOST_LINES * len(lines) and encoding_of(b"\n".join(whole), whole=False).startswith("utf-8")
