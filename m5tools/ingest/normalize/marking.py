"""Units are marked in a text before the patterns of the grammar look at it: "5 cm" becomes "5 <cm>".

A pattern then knows a unit by its marks. With a thousand spellings written out in each of a dozen patterns, compiling
them took half a second. The marks are two control characters, which no cleaned text holds.
"""

from __future__ import annotations

import re
from typing import Final

from m5tools.ingest.normalize import units

OPEN: Final = "\x02"
CLOSE: Final = "\x03"
GAP: Final = r"[\s–-]*"
_BEHIND_NUMBERS: Final = re.compile(rf"\d{GAP}(?=[^\d\s–-])")


def is_markable(text: str) -> bool:
    """Whether the text is free of what would be taken for marks."""
    return OPEN not in text and CLOSE not in text


def marked(text: str) -> str:
    """The text with marks around every unit that stands behind a number; of two that could stand there, the longer."""
    pieces, done = [], 0
    for match in _BEHIND_NUMBERS.finditer(text):
        start = match.end()
        end = units.end_of(text, start) if match.start() >= done else -1
        if end > 0:
            pieces += [text[done:start], OPEN, text[start:end], CLOSE]
            done = end
    return "".join(pieces) + text[done:] if pieces else text
