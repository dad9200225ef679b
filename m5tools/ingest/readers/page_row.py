"""The bytes of one saved page → exactly one row: a product's record, or the reason why there is none."""

from __future__ import annotations

from typing import Any

from m5tools.ingest.pages.decode import decode
from m5tools.ingest.pages.document import parse
from m5tools.ingest.pages.page import record
from m5tools.ingest.readers.row import Row
from m5tools.vocabulary import RejectReason

LONGEST_PAGE = 20 << 20
RAW_KEPT = 65_536
_LOOKED_AT = 65_536


def page_row(
    offset: int, data: bytes, *, address: str | None = None, charset: str | None = None, seen_at: str | None = None
) -> Row:
    """Read one page.

    Args:
        offset: its place in the input.
        data: the page, without transfer or content encoding.
        address: where it was fetched, when known.
        charset: the encoding that the HTTP header named.
        seen_at: when it was fetched, ISO 8601.
    """
    raw = data[:RAW_KEPT]
    if len(data) > LONGEST_PAGE:
        return Row(offset, raw, None, RejectReason.TOO_LONG, f"longer than {LONGEST_PAGE:,} bytes")
    text = decode(data, charset)
    if not text.strip():
        return Row(offset, raw, None, RejectReason.NO_CONTENT, "an empty page")
    if "<" not in text[:_LOOKED_AT] or "\x00\x00" in text[:_LOOKED_AT] or text.startswith(("%PDF-", "PK\x03\x04")):
        return Row(offset, raw, None, RejectReason.NOT_PARSEABLE, "not HTML")
    try:
        found = record(parse(text, address))
    except (ValueError, ArithmeticError, RecursionError) as error:
        return Row(offset, raw, None, RejectReason.NOT_PARSEABLE, str(error))
    if found is None:
        return Row(offset, raw, None, RejectReason.NO_CONTENT, "no product of its own on the page")
    if seen_at is not None:
        found["seen_at"] = seen_at
    return Row(offset, raw, _encodable(found))


def _encodable(value: Any) -> Any:
    """Text without half surrogate pairs, which escapes in JSON can smuggle in and no UTF-8 can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {key: _encodable(content) for key, content in value.items()}
    return [_encodable(content) for content in value] if isinstance(value, list) else value
