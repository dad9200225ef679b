"""One number with its unit, and several in one unit: which of those that the patterns let through are sure."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from m5tools.ingest.normalize import grammar
from m5tools.ingest.normalize.numbers import number
from m5tools.ingest.normalize.stated import Locale
from m5tools.ingest.normalize.units import COUNT, PIECES, Unit, convert, unit_of

_PARTS_OF: Final = frozenset({2, 3, 4, 5, 8, 10, 16, 32, 64})
_HALVED: Final = frozenset(
    ["in", "ft", "yd", "mi", "lb", "oz", "floz", "gal", "qt", "pt", "cup", "hp", "kg", "l", "ct", "h", "dozen"]
)
_BITS: Final = frozenset({"Kb", "Mb", "Gb", "Tb"})
"""Spellings that rightly are of bits, and carelessly of bytes."""
_SPACED: Final = re.compile(r"[1-9]\d{0,2}(?: \d{3})+")
_NEGATIVE: Final = frozenset(["temperature", "degrees", "optical_power", "loudness", "ratio", "voltage", "pressure"])
_WHOLE_AND_PART: Final = re.compile(r"(?:(\d+)[\s-]+)?(\d+)\s?[/⁄]\s?(\d+)")


class Written(NamedTuple):
    """A measure as it is written.

    Attributes:
        text: the whole, with its unit marked.
        amount: the number or fraction in it.
        spelled: its unit, None where it names none.
    """

    text: str
    amount: str
    spelled: str | None


class Measure(NamedTuple):
    number: float
    unit: Unit | None


def split(text: str) -> Written | None:
    """The amount and the unit of a marked text that is one measure."""
    match = grammar.BARE.fullmatch(text := text.strip())
    return Written(text, match[1], match[2]) if match is not None else None


class Measures:
    """Reads measures of one locale."""

    def __init__(self, locale: Locale) -> None:
        self.locale = locale
        self.default = unit_of(locale.unit) if locale.unit else None

    def measure(self, written: Written | None, shared: Unit | None = None) -> Measure | None:
        """A number with or without unit; `shared` is the unit of the measures beside it."""
        if written is None:
            return None
        amount, spelled = written.amount, written.spelled
        unit = unit_of(spelled) if spelled else shared
        if spelled and (unit is None or (spelled in _BITS and not self.locale.memory)):
            return None
        value = self.amount(amount, unit)
        if value is None or (spelled and len(spelled) == 1 and not self._is_sure(written.text, value, spelled)):
            return None
        if spelled == "lata" and value < 2:
            return None  # one tin in Spanish; two are latas there, and years in Polish
        if spelled and unit is not None and unit.name == "ct" and amount.isdigit() and spelled.lower() == "ct":
            unit = unit_of(PIECES)  # 12 ct is a count, 0.20 ct a diamond
        return Measure(value, unit)

    def _is_sure(self, text: str, value: float, spelled: str) -> bool:
        """Whether a unit of one letter is one behind this number."""
        if self.locale.sizes and (spelled.isupper() or spelled in ("x", "w")):
            return spelled == "L" and (" " in text or not value.is_integer())  # 3L is a size
        if spelled == "G":
            return value >= 10  # 5G is a network
        if spelled == "K":
            return 1000 <= value <= 20_000  # of light; 4K and 10K are names
        if spelled == "N":
            return value >= 20  # 8 N is a narrow shoe
        if spelled == "s":
            return not (1900 <= value < 2100 and value % 10 == 0)  # the 1990s
        return True

    def amount(self, written: str, unit: Unit | None) -> float | None:
        """A number or a fraction; of a half alone the unit must be one that is halved."""
        fraction = _WHOLE_AND_PART.fullmatch(written) if "/" in written or "⁄" in written else None
        if fraction is None:
            if len(written) > 1 and written[0] == "0" and written.isdigit():
                return None  # a code
            if unit is not None and _SPACED.fullmatch(written):
                written = written.replace(" ", "")  # 1 000 g, but a bare 1 500 may be two numbers
            return number(written, self.locale.decimal)
        whole, top, below = fraction[1], int(fraction[2]), int(fraction[3])
        if below not in _PARTS_OF or top >= below or math.gcd(top, below) != 1:
            return None
        if whole is None and (unit is None or unit.name not in _HALVED):
            return None  # 1/2 may be a date, one of two, or two variants
        return int(whole or 0) + top / below

    def common(self, parts: Sequence[Written | None]) -> tuple[list[float], Unit | None] | None:
        """Measures of one dimension in one unit: that of the first that names one, for those that name none too."""
        first = next((part.spelled for part in parts if part is not None and part.spelled), None)
        shared = unit_of(first) if first else self.default
        measures = []
        for part in parts:
            one = self.measure(part, shared)
            if one is None:
                return None
            measures.append(one)
        unit = measures[0].unit
        numbers = []
        for one in measures:
            if unit is None or one.unit is None:
                if unit is not one.unit:
                    return None
                numbers.append(one.number)
            elif one.unit.dimension != unit.dimension or (unit.dimension == COUNT and one.unit != unit):
                return None
            else:
                numbers.append(convert(one.number, one.unit, unit))
        return numbers, unit


def may_be_negative(unit: Unit | None) -> bool:
    """Whether less than nothing makes sense: "–18 cm" is an item of a list."""
    return unit is None or unit.dimension in _NEGATIVE
