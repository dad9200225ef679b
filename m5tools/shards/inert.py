"""Text of unknown origin (names of sources, categories, tags) in Markdown, where it must stay text.

Whatever can begin something in Markdown, in the dialects of GitHub and Hugging Face or in HTML becomes a character
reference, which CommonMark shows as the character and never reads as structure (§2.5); so a category called
`](javascript:…)`, `<img onerror=…>`, `| --- |` or `www.example.com` is shown and does nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

LONGEST: Final = 120
_PLAIN: Final = frozenset(" ,-_")
"""What of ASCII beside letters and digits is left as it is: none of it means anything inside a word or a cell."""


def shown(text: str, longest: int = LONGEST) -> str:
    """One line of text that is shown as it is; unprintable characters and marks of direction are left out."""
    words = " ".join(unicodedata.normalize("NFC", text).split())
    line = "".join(c for c in words if unicodedata.category(c)[0] != "C")
    if len(line) > longest:
        line = line[: longest - 1] + "…"
    return "".join(map(_reference, line))


def table(head: Sequence[str], rows: Iterable[Sequence[str | int | None]]) -> Iterator[str]:
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


def _reference(character: str) -> str:
    if not character.isascii() or character.isalnum() or character in _PLAIN:
        return character
    return f"&#{ord(character)};"
