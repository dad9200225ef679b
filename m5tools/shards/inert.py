"""Text of unknown origin (names of sources, categories, tags) in Markdown, where it must stay text.

Whatever can begin something in Markdown, in the dialects of GitHub and Hugging Face or in HTML becomes a character
reference, which CommonMark shows as the character and never reads as structure (§2.5); so a category called
`](javascript:…)`, `<img onerror=…>`, `| --- |` or `www.example.com` is shown and does nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

Row = Sequence[str | int | None]
LONGEST: Final = 120
_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,120}")
_MEANS_SOMETHING: Final = re.compile(
    r"[!-+:-@\[-^`{-~]|^-|\.(?!\d)|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])"  # a dot makes addresses, not numbers
)


def shown(text: str, longest: int = LONGEST) -> str:
    """One line of text that is shown as it is; unprintable characters and marks of direction are left out."""
    visible = (" " if c.isspace() else c for c in unicodedata.normalize("NFC", text) if c.isspace() or c.isprintable())
    line = " ".join("".join(visible).split())
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    return _MEANS_SOMETHING.sub(lambda found: f"&#{ord(found[0])};", line)


def code(text: str) -> str:
    """A name in the letters of programs, if it is one; any other text as by :func:`shown`."""
    return f"`{text}`" if _NAME.fullmatch(text) else shown(text)


def table(head: Sequence[str], rows: Iterable[Row]) -> Iterator[str]:
    """Lines of a table; texts in it must be inert already, numbers stand at the right with a comma for thousands."""
    body = list(rows)
    numeric = [all(isinstance(row[i], int) for row in body) and bool(body) for i in range(len(head))]
    yield f"| {' | '.join(head)} |"
    yield f"|{'|'.join('---:' if number else '---' for number in numeric)}|"
    for row in body:
        yield f"| {' | '.join(_cell(value) for value in row)} |"


def _cell(value: str | int | None) -> str:
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else value
