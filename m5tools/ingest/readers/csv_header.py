"""Whether the first row of a table holds its names, or is a row like the others."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from m5tools.ingest.guess.names import is_known

_KINDS: Final = {
    "address": re.compile(r"^(?:https?:)?//\S+\.\S|^www\.\S+\.\S|^\S+\.(?:jpe?g|png|webp|gif)$", re.IGNORECASE),
    "date": re.compile(r"^\d{4}-\d\d-\d\d|^\d{1,2}[./]\d{1,2}[./]\d{2,4}$"),
    "number": re.compile(r"^(?:[$€£¥]\s?)?[-+]?\d+(?:[.,]\d+)*(?:\s?[$€£¥%])?$"),
}
_MOST: Final = 0.8
_YEAR: Final = re.compile(r"^(?:19|20)\d\d$")  # as often a name as a value


def is_a_row(first: list[str], others: list[list[str]]) -> bool:
    """Whether the first row is one like the others: values where they have values, and nowhere a name above values.

    Args:
        first: its cells.
        others: the rows below it, of which those of another width or that repeat it say nothing.
    """
    first = [cell.strip() for cell in first]
    if _is_numbered(first) or any(map(is_known, filter(None, first))):
        return False
    below = [row for other in others if len(row := [cell.strip() for cell in other]) == len(first) and row != first]
    like = 0
    for cell, *column in zip(first, *below, strict=True):
        filled = list(filter(None, column))
        kind, usual = _kind(cell), _usual(filled)
        if usual is not None and cell and kind is None:
            return False
        like += kind is not None and (kind == usual or not filled) and not _YEAR.match(cell)
        like += kind is None and cell in filled
    return like > 0


def _is_numbered(first: list[str]) -> bool:
    """Names that a data frame without names writes: 0, 1, 2 …"""
    return len(first) > 1 and any(first == [str(n + begin) for n in range(len(first))] for begin in (0, 1))


def _kind(cell: str) -> str | None:
    return next((kind for kind, pattern in _KINDS.items() if pattern.search(cell)), None)


def _usual(column: list[str]) -> str | None:
    """The kind of most values of a column."""
    kinds = Counter(map(_kind, column)).most_common(1)
    return kinds[0][0] if kinds and kinds[0][1] >= _MOST * len(column) else None
