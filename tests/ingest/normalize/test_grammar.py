"""The marks of units, and the quick looks that spare most texts the patterns: none of them may turn away what is read."""

from __future__ import annotations

import re

import pytest

from m5tools.ingest.normalize import grammar
from m5tools.ingest.normalize.marking import CLOSE, OPEN, is_markable, marked
from m5tools.ingest.normalize.quantity import quantity

FOR_MARKED = (
    grammar.RANGE, grammar.TOLERANCE, grammar.FACTORS, grammar.LISTED, grammar.PER, grammar.CONTAINED, grammar.RESTATED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5 cm", "5 <cm>"), ("5cm", "5<cm>"), ("12– oz.", "12– <oz.>"), ("5 FL OZ", "5 <FL OZ>"), ("5 floz", "5 <floz>"),
        ("5 cmx", "5 cmx"), ('17"L x 10"W', '17<">L x 10<">W'), ("2 x 250 g", "2 <x> 250 <g>"), ("5 m2 pack", "5 <m2> pack"),
        ("5 g/m2", "5 <g/m2>"), ("m 5", "m 5"), ("5 parsec", "5 parsec"), ("5", "5"), ("", ""), ("10 km/h", "10 <km/h>"),
    ],
)  # fmt: skip
def test_units_behind_numbers_are_marked(text: str, expected: str) -> None:
    assert marked(text).replace(OPEN, "<").replace(CLOSE, ">") == expected


def test_a_text_with_marks_of_its_own_is_no_quantity() -> None:
    assert not is_markable(f"5 {OPEN}cm{CLOSE}")
    assert quantity(f"5 {OPEN}cm{CLOSE}") is None


def test_no_pattern_holds_the_table_of_units() -> None:
    patterns = [p for p in vars(grammar).values() if isinstance(p, re.Pattern)]
    assert max(len(p.pattern) for p in patterns) < 2_000  # a dozen of 17,000 took half a second to compile


@pytest.mark.parametrize(
    "text",
    [
        "5 cm to 6 cm", "5 a 6 cm", "5 bis 6 cm", "5 and 6 cm", "5 cm à 6 cm", "between 5 and 6 cm", "from 5 to 6 cm",
        "von 5 bis 6 cm", "5 ± 1 mm", "5 cm x 6 cm", "5 by 6 cm", "5 L x 6 W", "5 cm or 6 cm", "5 cm and 6 cm", "5, 6 cm",
        "18L,37L,60L", "5 per box", "5 pro Karton", "5 a box", "5 in a box", "5 cm in an each", "12 packs", "12 Boxes",
        "5 oz total", "5 oz net", "5 oz net wt.", "5 kg jeweils", "5 oz each", "16 oz (473 ml)", "16 oz or 473 ml",
    ],
)  # fmt: skip
def test_the_words_of_the_patterns_are_known(text: str) -> None:
    units = marked(text)
    assert any(form.fullmatch(units) for form in FOR_MARKED)
    assert grammar.is_all_known(units)


def test_other_words_are_not() -> None:
    assert not any(map(grammar.is_all_known, ("6 inch Black", "32GB RAM", "100% Cotton", "5 parsec", "boxing 5")))


@pytest.mark.parametrize(
    "before", ["approx. ", "~", "ca.", "约", "max ", "up to ", "jusqu'à ", "<=", "> ", "at least "]
)
def test_what_qualifies_is_seen_before(before: str) -> None:
    assert any(rule.fullmatch(f"{before}5 cm") for rule, _ in grammar.QUALIFIERS[::2])
    assert grammar.is_qualified(f"{before}5 cm")


@pytest.mark.parametrize(
    "behind",
    [" (approximately)", "approx.", " ca.", "左右", " max", "(maximum)", " or less", "+", " & up", "以上", " plus"],
)
def test_what_qualifies_is_seen_behind(behind: str) -> None:
    assert any(rule.fullmatch(f"5 cm{behind}") for rule, _ in grammar.QUALIFIERS[1::2])
    assert grammar.is_qualified(f"5 cm{behind}")


def test_what_is_not_qualified_is_not_asked_for() -> None:
    assert not any(map(grammar.is_qualified, ("5 cm", "Red 5", "maxi 5 x 6 cm", "10 x 20 cm")))


@pytest.mark.parametrize(
    "text",
    [
        "5", ".5 oz", "-5 °C", "−5 °C", "±5%", "+5", "~5kg", "≤1MP", "约 5 kg", "approx. 5 kg", "up to 20 h", "min. 5 m",
        "Ages 3+", "Net Wt: 12 oz", "weight 5 kg", "pack of 3", "A Box of 6", "Carton of 12", "between 5 and 6 cm",
        "von 5 bis 6 cm", "EU 42", "size US 9.5", "SPF 50", "Broad-Spectrum SPF 30",
    ],
)  # fmt: skip
def test_how_quantities_begin_is_known(text: str) -> None:
    assert quantity(text) is not None
    assert grammar.STARTS.match(text)
