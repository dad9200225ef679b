"""Mojibake: texts whose UTF-8 was once read in another encoding, put right where that is certain.

One look at whole columns finds the texts that show its marks; only those go to ftfy, and what it says counts only if
fewer marks are left. What was lost for good (U+FFFD) stays visible, so that `measure` can tag it. The delivered text
stays in `raw`, as with every repair.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, Final

import polars as pl

from m5tools import wording

_LOST: Final = "\ufffd"
_MARKS: Final = re.compile(wording.MOJIBAKE)


def repaired(values: pl.Series) -> pl.Series:
    """The texts, those with marks of mojibake repaired as far as that is possible."""
    if values.null_count() == len(values):
        return values
    foreign = (values.str.len_bytes() != values.str.len_chars()).fill_null(False).arg_true()
    if foreign.is_empty():
        return values
    suspects = foreign.filter(values.gather(foreign).str.contains(wording.MOJIBAKE))
    if suspects.is_empty():
        return values
    return values.scatter(suspects, pl.Series([_better(text) for text in values.gather(suspects)], dtype=pl.String))


@lru_cache(maxsize=4_096)
def _better(text: str) -> str:
    """ftfy's reading of a text if it is less broken, else the text. A second pass undoes what was misread twice."""
    found: str = _fix()(text)
    return found if _broken(found) < _broken(text) else text


def _broken(text: str) -> int:
    return sum(1 for _ in _MARKS.finditer(text)) + text.count(_LOST)


@cache
def _fix() -> Any:
    """ftfy with everything but the repair of encodings off: quotes, ligatures and widths are for NFKC, or content."""
    import ftfy

    settings = ftfy.TextFixerConfig(
        unescape_html=False, remove_terminal_escapes=False, fix_latin_ligatures=False, fix_character_width=False,
        uncurl_quotes=False, fix_line_breaks=False, remove_control_chars=False, normalization=None, explain=False,
    )  # fmt: skip

    def fix(text: str) -> str:
        return ftfy.fix_text(text, settings)

    return fix
