"""The marks of units, and the quick looks that spare most texts the patterns: none of them may turn away what is read."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from m5tools.ingest.normalize import grammar
from m5tools.ingest.normalize.marking import CLOSE, OPEN, is_markable, marked
from m5tools.ingest.normalize.quantity import quantity

PIECES = st.sampled_from([
    "5", "12", "1.5", "1/2", "2,5", "x", "×", "by", "to", "a", "in a", "an", "in", "cm", "m", "m2", "oz", "oz.",
    "fl oz", "pack", "packs", "of", "box", "boxes", "each", "total", "and", "or", "per", "pro", "/", ",", "-", " - ",
    "(", ")", "L", "W", "LxWxH", '"', "'", "±", "+", "max", "max.", "min", "min.", "approx.", "(approximately)",
    "or less", "and up", "plus", "左右", "以上", "ca.", "up to", "~", "<", "from", "between", "bis", "net", "wt",
    "net wt", "jeweils", "stück", "SPF", "EU", "US", "ages", "size", "weight:", "=", "&", "red",
])  # fmt: skip
TEXTS = st.lists(st.tuples(PIECES, st.sampled_from(["", " "])), min_size=1, max_size=8).map(
    lambda parts: "".join(piece + gap for piece, gap in parts).strip()
)
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


@settings(max_examples=600, deadline=None)
@given(text=TEXTS)
def test_no_quick_look_turns_away_what_a_pattern_lets_through(text: str) -> None:
    if any(rule.fullmatch(text) for rule, _ in grammar.QUALIFIERS):
        assert grammar.is_qualified(text)
    units = marked(text)
    if any(form.fullmatch(units) for form in FOR_MARKED):
        assert grammar.is_all_known(units)
    if quantity(text) is not None:
        assert grammar.STARTS.match(text)
