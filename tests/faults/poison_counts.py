"""How many rows a damaged file has, counted apart from its reader, where that is plain to see."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import re
import zlib
from collections.abc import Callable
from functools import cache, partial
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.ingest.readers import opening
from m5tools.ingest.readers.encoding import is_wide

from . import poison_seeds as seeds

_BLANK: Final = b" \t\n\r\x0b\f\x1e"
_HEAD: Final = 1 << 20
_PACKED: Final = (b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", *opening._ZSTD_FRAMES)


def _whole_streams(start: Callable[[], Any], data: bytes) -> bytes:
    """Every stream of a file; the library's own function leaves out a later one that is damaged, without a word."""
    found = b""
    while data:
        stream = start()
        found += stream.decompress(data)
        if not stream.eof:
            raise EOFError("a stream is cut off")
        data = stream.unused_data.lstrip(b"\0")
    return found


_STREAMS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    gzip.decompress, partial(_whole_streams, bz2.BZ2Decompressor), partial(_whole_streams, lzma.LZMADecompressor),
)  # fmt: skip


def counts(kind: str, suffix: str, data: bytes) -> set[int] | None:
    """Numbers of rows that a reader of a kind may find, or None where only a reader can tell."""
    if kind == "pages":
        return {1} if suffix == ".html" else None
    if kind == "parquet":
        return _of_footer(data)
    if kind == "json":
        return _of_list(data)
    if kind == "json_lines" and data.startswith(_PACKED):
        return _of_stream(data)
    if kind == "json_lines":
        return _of_lines(data)
    return _of_table(data) if kind == "csv" else None


def _of_lines(data: bytes) -> set[int] | None:
    if is_wide(data[:_HEAD]) or data.startswith(_PACKED):
        return None
    return {sum(bool(line.strip(_BLANK)) for line in data.removeprefix(b"\xef\xbb\xbf").split(b"\n"))}


def _of_stream(data: bytes) -> set[int] | None:
    for unpacked in _STREAMS:
        try:
            lines = unpacked(data)
        except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error):
            continue
        return _of_lines(lines)
    return None


def _of_table(data: bytes) -> set[int] | None:
    """Lines where nothing is quoted; the first may name the columns, and one of blanks may be a row."""
    if any(sign in data for sign in (b'"', b"\\")) or is_wide(data[:_HEAD]) or data.startswith(_PACKED):
        return None
    lines = re.split(rb"\r\n|\n|\r", data.removeprefix(b"\xef\xbb\xbf"))
    least, most = sum(bool(line.strip(_BLANK)) for line in lines), sum(map(bool, lines))
    return set(range(max(least - 1, 0), most + 1))


def _of_list(data: bytes) -> set[int] | None:
    """A document that is one list of objects, as Python reads it."""
    try:
        body = json.loads(data.decode())
    except (ValueError, RecursionError):
        return None
    return {len(body)} if isinstance(body, list) and all(isinstance(row, dict) for row in body) else None


def _of_footer(data: bytes) -> set[int] | None:
    """What a whole footer says."""
    if not data.endswith(tuple(_footers())):
        return None
    try:
        return {pq.ParquetFile(io.BytesIO(data)).metadata.num_rows}
    except (pa.ArrowException, OSError, ValueError):  # one of the odd files that nobody opens
        return {1}


@cache
def _footers() -> frozenset[bytes]:
    """Footers of the files that are damaged."""
    found = set()
    for whole in seeds.whole("parquet"):
        size = int.from_bytes(whole[-8:-4], "little")
        if whole[-4:] == b"PAR1" and size + 8 <= len(whole):
            found.add(whole[-8 - size :])
    return frozenset(found)
