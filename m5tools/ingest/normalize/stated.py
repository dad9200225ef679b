"""What a value can state: numbers, what they are to each other, a unit; and what is known beside its text."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, NamedTuple

from m5tools.ingest.normalize.numbers import Decimal

LONGEST: Final = 60
"""Characters of a value beyond which it is text."""


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
