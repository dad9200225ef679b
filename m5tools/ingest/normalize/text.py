"""Text: Unicode NFKC, HTML to plain text, single spaces, blank to null.

Most values of most columns need nothing: one cheap look finds those that do, and only they are worked on.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa
from selectolax.lexbor import LexborHTMLParser

# Characters that NFKC leaves alone wherever they stand, of the scripts and signs that product texts are written in.
STEADY: Final = (
    r"\x21-\x7e\u{a1}-\u{a7}\u{a9}\u{ab}\u{ac}\u{ae}\u{b0}\u{b1}\u{b6}\u{b7}\u{bb}\u{bf}-\u{131}\u{134}-\u{13e}"
    r"\u{141}-\u{148}\u{14a}-\u{17e}\u{180}-\u{1c3}\u{388}-\u{38a}\u{38c}\u{38e}-\u{3a1}\u{3a3}-\u{3cf}"
    r"\u{400}-\u{482}\u{48a}-\u{52f}\u{5d0}-\u{5ea}\u{620}-\u{64a}\u{e01}-\u{e32}\u{e34}-\u{e37}\u{e3f}-\u{e47}"
    r"\u{2010}\u{2012}-\u{2016}\u{2018}-\u{2023}\u{2030}-\u{2032}\u{2039}\u{203a}\u{20a9}-\u{20bf}\u{2190}-\u{222b}"
    r"\u{2500}-\u{27ff}\u{3001}-\u{3029}\u{3041}-\u{3096}\u{30a1}-\u{30fe}\u{4e00}-\u{9fff}\u{ac00}-\u{d7a3}"
    r"\u{fe0f}\u{fffd}\u{1f300}-\u{1f6d7}\u{1f900}-\u{1fa53}"
)
_UNTIDY: Final = rf"[^{STEADY} ]|  |^ | $"
_FOREIGN: Final = rf"[^{STEADY}\x00-\x20\x7f]"
_SPACED: Final = bytes(32 if byte <= 32 or byte == 127 else byte for byte in range(256))
"""Bytes of UTF-8, those of ASCII control characters as a space."""
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
    tidied = _where(values, _UNTIDY, _tidy)
    return tidied if not (tidied == "").any() else tidied.set(tidied == "", None)


def plain(values: pl.Series) -> pl.Series:
    """HTML to plain text where a value holds markup: block elements set off by a space, inline ones by nothing."""
    return _where(values, _MARKUP, _unmarked)


def _where(values: pl.Series, pattern: str, work: Callable[[pl.Series], pl.Series]) -> pl.Series:
    """The series with `work` done on the values in which the pattern is found."""
    if values.null_count() == len(values):
        return values
    found = values.str.contains(pattern).fill_null(False).arg_true()
    if found.is_empty():
        return values
    return values.scatter(found, work(values.gather(found)))


def _tidy(values: pl.Series) -> pl.Series:
    foreign = values.str.contains(_FOREIGN)
    if not foreign.any():
        return _single_spaces(values)
    rows, others = foreign.arg_true(), (~foreign).arg_true()
    apart = values.gather(rows).str.replace_all(_MIXED_NUMBER, "$1 $2")
    normal = apart.str.normalize("NFKC").str.replace_all(_SPACE, " ").str.strip_chars()
    tidied = values.scatter(rows, normal)
    return tidied if others.is_empty() else tidied.scatter(others, _tidy(values.gather(others)))


def _single_spaces(values: pl.Series) -> pl.Series:
    """Steady texts without nulls: runs of spaces and ASCII control characters as one space, none at the ends."""
    texts = values.to_arrow().cast(pa.large_string())
    _, offsets, data = texts.buffers()
    ends = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    read = np.frombuffer(memoryview(data)[ends[0] : ends[-1]].tobytes().translate(_SPACED), np.uint8)
    ends = ends - ends[0]
    lengths = np.diff(ends)
    filled = ends[:-1][lengths > 0]
    space = read == ord(" ")
    kept = ~space
    kept[1:] |= ~space[:-1]
    kept[filled] = ~space[filled]
    sizes = np.zeros(len(lengths), np.int64)
    sizes[lengths > 0] = np.add.reduceat(kept, filled, dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(sizes)])
    single = pa.LargeStringArray.from_buffers(len(sizes), pa.py_buffer(starts), pa.py_buffer(read[kept]))
    return pl.Series(single).str.strip_chars_end(" ")


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
