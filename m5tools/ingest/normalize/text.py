"""Text: Unicode NFKC, HTML to plain text, single spaces, blank to null.

Most values of most columns need nothing: one cheap look finds those that do, and only they are worked on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final

import polars as pl
from selectolax.lexbor import LexborHTMLParser

UNTIDY: Final = r"[^\x21-\x7e ]|  |^ | $"
"""What all texts that need cleaning hold, and those that another encoding broke."""
# A lone space stays as it is, so it is not replaced: these find what is wider, or of another kind.
_ASCII_SPACE: Final = r"[\x00-\x20\x7f]{2,}|[\x00-\x1f\x7f]"
_OTHER_SPACE: Final = r"\p{Cc}\p{Zl}\p{Zp}\u{a0}\u{1680}\u{2000}-\u{200b}\u{202f}\u{205f}\u{3000}\u{feff}"
_SPACE: Final = rf"[ {_OTHER_SPACE}]{{2,}}|[{_OTHER_SPACE}]"
_MIXED_NUMBER: Final = r"(\d)([\u{bc}-\u{be}\u{2150}-\u{215e}])"  # NFKC would make 11⁄2 of 1½
_MARKUP: Final = r"<[a-zA-Z/!][^>]*>|&(?:#\d+|#x[0-9a-fA-F]+|[a-zA-Z]+);"
_BLOCKS: Final = (
    "p|div|li|tr|td|th|h[1-6]|ul|ol|dl|dt|dd|table|thead|tbody|tfoot|caption|br|hr|section|article|header|footer|"
    "main|aside|nav|blockquote|pre|figure|figcaption|address|option|form|fieldset"
)
_BLOCK: Final = rf"(?i)</?(?:{_BLOCKS})(?:[\s/][^<>]*)?>"
_INLINE: Final = r"</?[a-zA-Z][^<>]*>"
_UNSEEN: Final = "script|style|template|noscript|iframe|textarea|title|head|svg|math|select|plaintext|xmp"
# Comments and elements whose content is no text; a tag that is open at the next one or at the end; > inside quotes.
_INVOLVED: Final = rf"(?i)<(?:[!?]|(?:{_UNSEEN})[\s/>])|<[a-z/][^>]*(?:<|$)|<[a-z][^>]*=\s*(?:\"[^\">]*>|'[^'>]*>)"
_BLOCK_TAG: Final = re.compile(_BLOCK)


def clean(values: pl.Series) -> pl.Series:
    """NFKC, control characters out, every run of white space one space, blank as null."""
    if values.null_count() == len(values):
        return values
    tidied = _where(values, UNTIDY, _tidy)
    return tidied if not (tidied == "").any() else tidied.set(tidied == "", None)


def plain(values: pl.Series) -> pl.Series:
    """HTML to plain text where a value holds markup: block elements set off by a space, inline ones by nothing."""
    return _where(values, _MARKUP, _unmarked)


def _where(values: pl.Series, pattern: str, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The series with `work` done on the values in which the pattern is found."""
    found = values.str.contains(pattern).fill_null(False).arg_true()
    if found.is_empty():
        return values
    return values.scatter(found, work(values.gather(found)))


def _tidy(values: pl.Series) -> pl.Series:
    foreign = values.str.len_bytes() != values.str.len_chars()
    if not foreign.any():
        return values.str.replace_all(_ASCII_SPACE, " ").str.strip_chars(" ")
    rows, others = foreign.arg_true(), (~foreign).arg_true()
    apart = values.gather(rows).str.replace_all(_MIXED_NUMBER, "$1 $2")
    normal = apart.str.normalize("NFKC").str.replace_all(_SPACE, " ").str.strip_chars()
    tidied = values.scatter(rows, normal)
    return tidied if others.is_empty() else tidied.scatter(others, _tidy(values.gather(others)))


def _unmarked(values: pl.Series) -> pl.Series:
    involved = values.str.contains(_INVOLVED)
    text = values.str.replace_all(_BLOCK, " ").str.replace_all(_INLINE, "")
    text = _where(text, "&", lambda some: pl.Series([html.unescape(v) for v in some], dtype=pl.String))
    if involved.any():
        rows = involved.arg_true()
        text = text.scatter(rows, pl.Series([parsed(v) for v in values.gather(rows)], dtype=pl.String))
    return text


def parsed(markup: str) -> str:
    """The text of an HTML fragment by a real parser: for what patterns cannot be sure of."""
    body = LexborHTMLParser(_BLOCK_TAG.sub(lambda tag: f" {tag[0]} ", markup)).body
    if body is None:
        return markup
    for unseen in body.css("script, style, template, noscript"):
        unseen.decompose()
    return body.text(separator="")
