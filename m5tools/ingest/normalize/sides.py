"""Sides that are named by letters: L10 x W20 x H30 cm, 10L x 20W x 30H cm."""

from __future__ import annotations

import re
from typing import Final

from m5tools.ingest.normalize import phrases
from m5tools.ingest.normalize.marking import marked
from m5tools.ingest.normalize.measures import Measures, split
from m5tools.ingest.normalize.units import Unit

_LETTER: Final = re.compile(rf"(?:^|(\s*[x×*/,;|]\s*|\s+))\(?({phrases.AXES})\)?\s?[.:=]?\s?(?=\.?\d)", re.IGNORECASE)
_NAMED: Final = re.compile(r"[^\W\d]|\"|″")
_BEHIND: Final = rf"(\d[\d.,]*)\s?\(?({phrases.AXES})\)?"
_ALL_BEHIND: Final = re.compile(rf"{_BEHIND}(?:\s*[x×*]\s*{_BEHIND}){{1,2}}\s*([^\W\d]{{2,}}\.?|\"|″)", re.IGNORECASE)
_EACH_BEHIND: Final = re.compile(_BEHIND, re.IGNORECASE)


def sides(text: str, measures: Measures) -> tuple[list[float], Unit] | None:
    """The sides in the order given, in one unit; None where the text is something else.

    Between sides stands a sign, or each has a unit: "T8 L120 cm" is the name of a lamp and a length.
    """
    if (behind := _ALL_BEHIND.fullmatch(text)) is not None:
        unit = behind[behind.lastindex or 0]
        each = _EACH_BEHIND.findall(text)
        return _lengths([f"{number} {unit}" for number, _ in each], [letter for _, letter in each], measures)
    first, *rest = _LETTER.split(text)
    letters, between, written = rest[1::3], rest[3::3], rest[2::3]
    is_apart = all(sign and sign.strip() for sign in between)
    if first or not (is_apart or all(_NAMED.search(measure) for measure in written)):
        return None
    return _lengths(written, letters, measures)


def _lengths(written: list[str], letters: list[str], measures: Measures) -> tuple[list[float], Unit] | None:
    if not 2 <= len(letters) <= 4 or len(set(letters)) < len(letters):
        return None
    found = measures.common([split(marked(measure)) for measure in written])
    if found is None or found[1] is None or found[1].dimension != "length" or min(found[0]) <= 0:
        return None
    return found[0], found[1]
