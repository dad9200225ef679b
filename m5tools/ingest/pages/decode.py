"""Bytes of a page → text: which encoding a browser would take.

The order of the HTML standard (section 13.2.3.2, "determining the character encoding"): byte order mark, then the
transport's charset, then a `<meta>` in the first bytes; then UTF-8 where it fits, else a guess from the language's
usual 8-bit set.
"""

from __future__ import annotations

import codecs
import re

from m5tools.ingest.charset import declared_encoding, wider

_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w.:-]{2,40})""", re.IGNORECASE)
_XML = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{2,40})""", re.IGNORECASE)
_META_WITHIN = 4_096
_CYRILLIC = re.compile("[а-яё]{3}", re.IGNORECASE)


def decode(data: bytes, charset: str | None = None) -> str:
    """The text of a page. Bytes that do not fit become U+FFFD; nothing raises.

    Args:
        data: the page.
        charset: what the HTTP header said, if there was one.
    """
    for bom, name in _BOMS:
        if data.startswith(bom):
            return data[len(bom) :].decode(name, "replace")
    head = data[:_META_WITHIN]
    declared = _META.search(head) or _XML.search(head)
    for label in (charset, declared[1].decode("ascii") if declared else None):
        known = declared_encoding(label.strip("\"' ")) if label else None
        if known is None:
            continue
        text = data.decode(wider(known), "replace")
        if known != "utf-8" or _fits(text):
            return text
    text = data.decode("utf-8", "replace")
    if _fits(text):
        return text
    return _guess(data)


def _fits(text: str) -> bool:
    """A few bad bytes are damage; many mean another encoding."""
    return text.count("\ufffd") <= 1 + len(text) // 1_000


def _guess(data: bytes) -> str:
    """Bytes that say nothing about themselves: Cyrillic where words come out of it, else Western."""
    cyrillic = data.decode("cp1251", "replace")
    high = sum(byte >= 0xC0 for byte in data[:200_000])
    if high > 20 and len(_CYRILLIC.findall(cyrillic[:200_000])) * 3 > high * 0.5:
        return cyrillic
    return data.decode("cp1252", "replace")
