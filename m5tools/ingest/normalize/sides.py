"""Sides with their names (L10 x W20 x H30 cm, 10L x 20W x 30H cm, Höhe 85 cm, Breite 60 cm), and in feet and inches."""

from __future__ import annotations

import re
from typing import Final

from m5tools.ingest.normalize import phrases
from m5tools.ingest.normalize.marking import marked
from m5tools.ingest.normalize.measures import Measures, split
from m5tools.ingest.normalize.stated import Form, Quantity

_LETTER: Final = re.compile(
    rf"(?:^|(\s*[x×*/,;|]\s*|\s+))\(?({phrases.NAMED_SIDES})\)?\s?[.:=]?\s?(?=\.?\d)", re.IGNORECASE
)
_NAMED: Final = re.compile(r"[^\W\d]|\"|″")
_BEHIND: Final = rf"(\d[\d.,]*)\s?\(?({phrases.AXES})\)?"
_ALL_BEHIND: Final = re.compile(rf"{_BEHIND}(?:\s*[x×*]\s*{_BEHIND}){{1,2}}\s*([^\W\d]{{2,}}\.?|\"|″)", re.IGNORECASE)
_EACH_BEHIND: Final = re.compile(_BEHIND, re.IGNORECASE)
_FEET_AND_INCHES: Final = r"(\d+)['′]\s?-?(?:(\d{1,2})\s?(?:\"|''|″|′′))?"
_RUG: Final = re.compile(rf"{_FEET_AND_INCHES}(?:\s*[x×X]\s*{_FEET_AND_INCHES})+")
_RUG_SIDE: Final = re.compile(_FEET_AND_INCHES)


def sides(text: str, measures: Measures) -> Quantity | None:
    """The sides in the order given, in one unit; None where the text is something else.

    Between sides stands a sign, or each has a unit: "T8 L120 cm" is the name of a lamp and a length.
    """
    if text[:1].isdigit():
        if "'" in text and _RUG.fullmatch(text) is not None:
            return _feet_and_inches(text)
        if (behind := _ALL_BEHIND.fullmatch(text)) is None:
            return None
        unit = behind[behind.lastindex or 0]
        each = _EACH_BEHIND.findall(text)
        return _lengths([f"{number} {unit}" for number, _ in each], [letter for _, letter in each], measures)
    if _LETTER.match(text) is None:
        return None
    first, *rest = _LETTER.split(text)
    letters, between, written = rest[1::3], rest[3::3], rest[2::3]
    is_apart = all(sign and sign.strip() for sign in between)
    if first or not (is_apart or all(_NAMED.search(measure) for measure in written)):
        return None
    return _lengths(written, letters, measures)


def _lengths(written: list[str], letters: list[str], measures: Measures) -> Quantity | None:
    if not 2 <= len(letters) <= 4 or len(set(letters)) < len(letters):
        return None
    found = measures.common([split(marked(measure)) for measure in written])
    if found is None or found[1] is None or found[1].dimension != "length" or min(found[0]) <= 0:
        return None
    return Quantity(Form.DIMENSIONS, tuple(found[0]), found[1].name)


def _feet_and_inches(text: str) -> Quantity | None:
    """5'3" x 7'7" in inches; without any inches it is in feet, as others read it."""
    each = [(int(feet), int(inches or 0)) for feet, inches in _RUG_SIDE.findall(text)]
    if not any(inches for _, inches in each) or any(inches >= 12 for _, inches in each):
        return None
    return Quantity(Form.DIMENSIONS, tuple(12.0 * feet + inches for feet, inches in each), "in")
