"""Text: Unicode NFKC, HTML to plain text, single spaces, blank to null."""

from __future__ import annotations

import re

import polars as pl
from selectolax.lexbor import LexborHTMLParser

_MARKUP = r"<[a-zA-Z/!][^>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);"
_BLOCK_END = re.compile(r"</(?:p|div|li|tr|h[1-6]|ul|ol|table)\s*>|<br\s*/?>", re.IGNORECASE)


def clean(column: pl.Expr) -> pl.Expr:
    """NFKC, control characters out, every run of white space one space, blank as null."""
    text = column.str.normalize("NFKC").str.replace_all(r"[\p{Cc}\p{Zs}\p{Zl}\p{Zp}\u{200b}\u{feff}]+", " ")
    text = text.str.strip_chars()
    return pl.when(text == "").then(None).otherwise(text)


def plain(values: pl.Series) -> pl.Series:
    """HTML to plain text where a value holds markup; other values untouched. Each different value is parsed once."""
    marked = values.filter(values.str.contains(_MARKUP).fill_null(False)).unique(maintain_order=True)
    if marked.is_empty():
        return values
    return values.replace(marked, pl.Series([_strip(v) for v in marked], dtype=pl.String))


def _strip(html: str) -> str:
    body = LexborHTMLParser(_BLOCK_END.sub(lambda m: m[0] + "\n", html)).body
    return body.text(separator="") if body is not None else html
