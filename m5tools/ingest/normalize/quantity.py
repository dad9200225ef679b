"""One attribute value → the numbers in it, what they are to each other, and their unit; unsure is None.

The whole value must be read, from its first to its last character: "5000 mAh" is a quantity, "5000 mAh Li-Ion" is text,
and so is "iPhone 12". The grammar is in `forms.py`.
"""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import Final, Literal, NamedTuple

from m5tools.ingest.normalize.numbers import Decimal


class Form(StrEnum):
    """What the numbers of a value are to each other."""

    SINGLE = "single"  # 250 g; 1 1/2 in; 5'11"; pack of 3; 16 fl oz (473 ml)
    ABOUT = "about"  # approx. 5 kg
    AT_LEAST = "at_least"  # 3 years and up; > 5 m
    AT_MOST = "at_most"  # max. 80 W; up to 20 h
    TOLERANCE = "tolerance"  # 5 ± 0.1 mm: the value and what it may be off
    RANGE = "range"  # 10–20 cm
    DIMENSIONS = "dimensions"  # 14.7 x 11.1 x 10.2 in, in the order given
    PRODUCT = "product"  # 2 × 250 g; 6.8 oz (pack of 3): how many first, then how much each
    ALTERNATIVES = "alternatives"  # 50/60 Hz
    SIZE = "size"  # EU 42; 9.5 M US; 32/34: a size system's label, no measure


class Quantity(NamedTuple):
    """What a value says.

    Attributes:
        form: what the numbers are to each other.
        numbers: in the order of the form, all in `unit`, except how many of a product.
        unit: None for bare numbers; for sizes their system.
    """

    form: Form
    numbers: tuple[float, ...]
    unit: str | None


class Locale(NamedTuple):
    """What is known about a value beside its text.

    Attributes:
        decimal: the decimal sign of the source.
        sizes: it is a size of something worn: a capital behind the number is a width or a cup, not a unit.
        unit: a unit that the attribute's name gives ("Weight (kg)"), for values without one.
        letter: what a bare m is: `m`; `month` under ages and warranties; None, unsure, under other times.
        memory: it is of a memory, where Gb is carelessly written for GB and not a gigabit.
    """

    decimal: Decimal | None = None
    sizes: bool = False
    unit: str | None = None
    letter: Literal["m", "month"] | None = "m"
    memory: bool = False


LONGEST: Final = 60
"""Characters of a value beyond which it is text."""

ANYWHERE: Final = Locale()
_DIGITS_AND_HYPHENS: Final = re.compile(r"\d+(?:-\d+)+")  # 122633-001, and 12-24 may be one too


@lru_cache(maxsize=65_536)
def quantity(value: str, locale: Locale = ANYWHERE) -> Quantity | None:
    """Read a value; None where it is text or not surely a quantity.

    Args:
        value: NFKC, single spaces.
        locale: what is known beside it.
    """
    # The patterns take a while to compile: only in a process that meets an odd value.
    from m5tools.ingest.normalize.forms import reader

    if len(value) > LONGEST or (_DIGITS_AND_HYPHENS.fullmatch(value) and not locale.sizes and not locale.unit):
        return None
    return reader(locale).read(value.strip().rstrip(",;"))
