"""The forms of quantities, one function each; the first that reads a value counts."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from m5tools.ingest.normalize import grammar
from m5tools.ingest.normalize.marking import is_markable, marked
from m5tools.ingest.normalize.measures import Measures, may_be_negative, split
from m5tools.ingest.normalize.numbers import number
from m5tools.ingest.normalize.sides import sides
from m5tools.ingest.normalize.stated import Form, Locale, Quantity
from m5tools.ingest.normalize.units import COUNT, PIECES, Unit, convert, unit_of
from m5tools.ingest.normalize.wording import plainly

_SAME: Final = 0.04  # 16 oz and 473 ml, 5 in and 12.7 cm: how far rounding takes two statements of one quantity apart


class _Text(NamedTuple):
    """A text as it is, and with its units marked."""

    plain: str
    marked: str


_Form = Callable[[_Text], Quantity | None]


class Reader:
    """Reads values of one locale."""

    def __init__(self, locale: Locale) -> None:
        self._locale = locale
        self._measures = Measures(locale)
        self._forms_of_words: tuple[_Form, ...] = (
            self._size, self._range, self._packs, self._in_packs, self._protection,
        )  # fmt: skip
        self._forms_beside_words: tuple[_Form, ...] = (
            self._size, self._compound, self._packs, self._in_packs, self._protection, self._sides,
        )  # fmt: skip
        self._forms: tuple[_Form, ...] = (
            self._single, self._size, self._compound, self._range, self._factors, self._restated, self._listed,
            self._tolerance, self._packs, self._contained, self._in_packs, self._protection, self._sides,
        )  # fmt: skip

    def read(self, text: str) -> Quantity | None:
        """The quantity that a whole text states, or None."""
        if self._locale.sizes and (size := self._waist_and_length(text)) is not None:
            return size
        if text[:1].isalpha():
            if (found := sides(text, self._measures)) is not None:
                return found
            text = text[label.end() :] if (label := grammar.LABEL.match(text)) else text
        text = plainly(text, self._locale) or ""
        if grammar.STARTS.match(text) is None or not is_markable(text):
            return None
        if (found := self._unqualified(text)) is not None:
            return found
        if grammar.is_qualified(text):
            for rule, form in grammar.QUALIFIERS:
                if (match := rule.fullmatch(text)) is not None and (inner := self._unqualified(match[1])) is not None:
                    if inner.form != Form.SINGLE:
                        return inner if form == Form.ABOUT else None
                    return Quantity(form, inner.numbers, inner.unit)
        if (match := grammar.AGES.fullmatch(text)) is not None:
            aged = self._locale._replace(unit=self._locale.unit or "year", letter="month")
            return reader(aged).read(match[1])
        return None

    def _unqualified(self, text: str) -> Quantity | None:
        both = _Text(text, marked(text))
        if text.isdecimal():
            return self._single(both)
        if text[:1].isalpha():
            forms = self._forms_of_words
        elif grammar.is_all_known(both.marked):
            forms = self._forms
        else:
            forms = self._forms_beside_words
        for form in forms:
            if (found := form(both)) is not None:
                return found
        return None

    def _single(self, text: _Text) -> Quantity | None:
        written = text.marked
        sign = -1.0 if written[:1] == "-" else 1.0
        found = self._measures.measure(split(written.lstrip("+-")), self._measures.default)
        if found is None or (sign < 0 and not may_be_negative(found.unit)):
            return None
        if found.unit is None and len(written) >= 8 and written.isdigit():
            return None  # a code or a telephone number
        return Quantity(Form.SINGLE, (sign * found.number + 0.0,), _name(found.unit))

    def _compound(self, text: _Text) -> Quantity | None:
        """5'11", 1 lb 4 oz, 1 h 30 min: in the smaller unit."""
        for rule, small, times in ((grammar.FEET, "in", 12), (grammar.POUNDS, "oz", 16), (grammar.HOURS, "min", 60)):
            match = rule.fullmatch(text.plain)
            if match is not None:
                rest = self._measures.amount(match[2], unit_of(small))
                if rest is not None and rest < times:
                    return Quantity(Form.SINGLE, (int(match[1]) * times + rest,), small)
        return None

    # Several

    def _range(self, text: _Text) -> Quantity | None:
        match = grammar.RANGE.fullmatch(text.marked)
        found = self._measures.common([split(match[2]), split(match[4])]) if match else None
        if match is None or found is None:
            return None
        (low, high), unit = found
        low, high = (-number if sign == "-" else number for sign, number in ((match[1], low), (match[3], high)))
        if low >= high or (unit is None and not self._locale.sizes) or (low < 0 and not may_be_negative(unit)):
            return None
        return Quantity(Form.RANGE, (low, high), _name(unit))

    def _sides(self, text: _Text) -> Quantity | None:
        return sides(text.plain, self._measures)

    def _factors(self, text: _Text) -> Quantity | None:
        """Dimensions, where the last is a length or nothing; else how many times how much."""
        bare = grammar.AXES.sub("", text.plain)
        factors = text.marked if bare == text.plain else marked(bare)
        if grammar.FACTORS.fullmatch(factors) is None:
            return None
        parts = [split(match[1]) for match in grammar.FACTOR.finditer(factors)]
        named = [unit_of(part.spelled) if part and part.spelled else None for part in parts]
        each = next((unit for unit in reversed(named) if unit is not None), self._measures.default)
        if each is None or each.dimension in ("length", "resolution"):
            found = self._measures.common(parts)
            return Quantity(Form.DIMENSIONS, tuple(found[0]), _name(found[1])) if found and min(found[0]) > 0 else None
        measures = [self._measures.measure(part) for part in parts]
        if any(m is None for m in measures):
            return None
        sure = [m for m in measures if m is not None]
        counted = [m.unit is None or m.unit.dimension == COUNT for m in sure]
        if all(counted):
            counted[-1] = False  # 3 packs x 100 sheets
        counts = [m for m, is_count in zip(sure, counted, strict=True) if is_count]
        rest = [m for m, is_count in zip(sure, counted, strict=True) if not is_count]
        if len(rest) != 1 or not counts or not all(m.number >= 1 and m.number.is_integer() for m in counts):
            return None
        return Quantity(Form.PRODUCT, (*(m.number for m in counts), rest[0].number), _name(rest[0].unit))

    def _listed(self, text: _Text) -> Quantity | None:
        if grammar.LISTED.fullmatch(text.marked) is None:
            return None
        parts = [match[0].rstrip(" /|,&") for match in grammar.ITEM.finditer(text.marked) if match[0]]
        parts = [re.sub(r"\s*\b(?:or|and)$", "", part) for part in parts]
        if len(parts) == 2 and grammar.FRACTION_LIKE.match(text.plain):
            return None  # 1/2 GB: a half, or two variants
        found = self._measures.common([split(part) for part in parts])
        if found is None or found[1] is None or len(parts) < 2 or len(set(found[0])) != len(parts):
            return None
        return Quantity(Form.ALTERNATIVES, tuple(found[0]), found[1].name)

    def _tolerance(self, text: _Text) -> Quantity | None:
        match = grammar.TOLERANCE.fullmatch(text.marked)
        if match is None:
            return None
        found = self._measures.common([split(part) for part in match.groups() if part])
        return Quantity(Form.TOLERANCE, tuple(found[0]), _name(found[1])) if found else None

    def _restated(self, text: _Text) -> Quantity | None:
        """16.9 fl oz (500 ml): one quantity, said twice. 1 roll (5 m): how many and how much."""
        match = grammar.RESTATED.fullmatch(text.marked)
        if match is None:
            return None
        one = self._measures.measure(split(match[1]))
        other = self._measures.measure(split(match[2] or match[3] or match[4] or match[5]))
        if one is None or other is None or one.unit is None or other.unit is None:
            return None
        first, second = _fluid(one.unit, other.unit), _fluid(other.unit, one.unit)
        if first.dimension == COUNT and (match[2] or match[5]) and one.number.is_integer():
            return Quantity(Form.PRODUCT, (one.number, other.number), second.name)
        if first.dimension != second.dimension or first == second or first.dimension == COUNT:
            return None
        if abs(convert(other.number, second, first) - one.number) > _SAME * one.number:
            return None
        return Quantity(Form.SINGLE, (one.number,), first.name)

    def _packs(self, text: _Text) -> Quantity | None:
        """Pack of 3; 3-pack."""
        if (match := grammar.PACK_OF.fullmatch(text.marked)) is not None:
            unit = unit_of(match[2]) if match[2] else None
            return Quantity(Form.SINGLE, (float(match[1]),), unit.name if unit else PIECES)
        match = grammar.SO_MANY_PACK.fullmatch(text.plain)
        return Quantity(Form.SINGLE, (float(match[1]),), PIECES) if match else None

    def _contained(self, text: _Text) -> Quantity | None:
        """50/box; 10 oz bag."""
        for rule in (grammar.PER, grammar.CONTAINED):
            if (match := rule.fullmatch(text.marked)) is not None:
                found = self._measures.measure(split(match[1]))
                if found is not None and (
                    found.unit is not None or rule is grammar.PER or text.plain.lower().endswith("total")
                ):
                    return Quantity(Form.SINGLE, (found.number,), _name(found.unit) or PIECES)
        return None

    def _in_packs(self, text: _Text) -> Quantity | None:
        """6.8 oz (pack of 3)."""
        if not text.plain[-1:].isdecimal() and text.plain[-1:] != ")":
            return None  # what the pattern is slow to say
        match = grammar.IN_PACKS.fullmatch(text.plain)
        if match is None:
            return None
        each = _Text(match[1], marked(match[1]))
        inner = self._single(each) or self._packs(each) or self._contained(each) or self._in_packs(each)
        if inner is None or inner.form != Form.SINGLE or inner.unit is None:
            return None
        return Quantity(Form.PRODUCT, (float(match[2]), *inner.numbers), inner.unit)

    def _protection(self, text: _Text) -> Quantity | None:
        match = grammar.PROTECTION.fullmatch(text.plain)
        return Quantity(Form.SINGLE, (float(match[1] or match[2]),), "SPF") if match else None

    # Sizes of what is worn

    def _size(self, text: _Text) -> Quantity | None:
        first, last = grammar.SYSTEM_FIRST.fullmatch(text.plain), grammar.SYSTEM_LAST.fullmatch(text.plain)
        system, written = (first[1], first[2]) if first else (last[2], last[1]) if last else (None, "")
        if system is None or (system == "CM" and not self._locale.sizes):
            return None
        value = number(written, self._locale.decimal)
        return Quantity(Form.SIZE, (value,), system.upper().replace("EUR", "EU")) if value is not None else None

    def _waist_and_length(self, text: str) -> Quantity | None:
        match = grammar.WAIST_LENGTH.fullmatch(text)
        return Quantity(Form.SIZE, (float(match[1]), float(match[2])), None) if match else None


@lru_cache(maxsize=1_024)
def reader(locale: Locale) -> Reader:
    """The reader of a locale: what it prepares is worth keeping for the next value."""
    return Reader(locale)


def _fluid(unit: Unit, beside: Unit) -> Unit:
    """An ounce beside a volume is a fluid one."""
    fluid = unit_of("floz")
    return fluid if unit.name == "oz" and beside.dimension == "volume" and fluid is not None else unit


def _name(unit: Unit | None) -> str | None:
    return None if unit is None else unit.name
