"""The patterns of the grammar of quantities. Which numbers and units they let through is for `measures.py` to say.

Those below "marked" look at texts in which units are marked (see `marking.py`), the others at texts as they are.
"""

from __future__ import annotations

import re
from typing import Final

from m5tools.ingest.normalize import phrases
from m5tools.ingest.normalize.marking import CLOSE, GAP, OPEN
from m5tools.ingest.normalize.numbers import LITERAL
from m5tools.ingest.normalize.stated import Form

_FRACTION: Final = r"(?:\d{1,4}(?:\s+|\s?-\s?))?\d{1,2}\s?[/⁄]\s?\d{1,2}"
_AMOUNT: Final = rf"(?:{_FRACTION}|{LITERAL})"
_UNIT: Final = f"{OPEN}[^{CLOSE}]*{CLOSE}"
_SPELLED: Final = f"{OPEN}([^{CLOSE}]*){CLOSE}"


def _maybe_marked(word: str) -> str:
    """A word that is a unit too, as `a`, `x` and `pack` are, and marked as one behind a number."""
    return f"{OPEN}?{word}{CLOSE}?"


_MEASURE: Final = rf"{_AMOUNT}(?:{GAP}{_UNIT})?"
_AXIS: Final = rf"(?:\s?\(?{_maybe_marked('[LWHDBTlwhdbt]')}\)?(?![^\W\d_]))?"
_TIMES: Final = rf"\s*(?:{_maybe_marked('[x×*хX]')}|\bby\b)\s*"
_CONTAINERS: Final = (
    "bag|box|bx|case|carton|cs|can|canister|bottle|jar|tin|tub|tube|pouch|pack|pk|pkg|package|packet|bundle|"
    "dispenser|roll|ream|rm|cube|canister|container|serving|sheet|pad|book|set|unit|each|piece|pc|capsule|tablet|"
    "stück|packung|karton|beutel|flasche|dose|polypack|tray|sleeve|bucket|pail|drum|pump|jug|stick"
)
_CONTAINER: Final = rf"(?:{_CONTAINERS})(?:e?s)?"
_WIDTH: Final = r"(?:[A-E]{1,4}|[MNW]|WW|XW|[Mm]edium|[Ww]ide|[Nn]arrow|[Rr]egular)(?:\s?\([A-Z]\)|\s?-\s?Medium)?"
_WEARERS: Final = r"(?:wo)?men'?s?|kids?|infants?|toddlers?|youth|big kids?|little kids?|adults?|unisex|yth"


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_EACH_FORM: Final = ((phrases.ABOUT, Form.ABOUT), (phrases.AT_MOST, Form.AT_MOST), (phrases.AT_LEAST, Form.AT_LEAST))
QUALIFIERS: Final[tuple[tuple[re.Pattern[str], Form], ...]] = tuple(
    (_any_case(rule), form)
    for (before, behind), form in _EACH_FORM
    for rule in (rf"(?:{before})\s*(?=[\d.,])(.+)", rf"(.+?)\s*{behind}")
)
_QUALIFIED: Final = _any_case(rf"(?:{phrases.BEFORE})\s*[\d.,]")
_BEHIND: Final = _any_case(rf"(?:{'|'.join(behind for (_, behind), _ in _EACH_FORM)})\Z")
_LONGEST_BEHIND: Final = len("(approximately)")


def is_qualified(text: str) -> bool:
    """Whether one of `QUALIFIERS` may match, for they are slow to say no."""
    if not text[:1].isdigit() and _QUALIFIED.match(text) is not None:
        return True
    return _BEHIND.search(text, max(0, len(text) - _LONGEST_BEHIND)) is not None


AGES: Final = _any_case(rf"{phrases.OF_AGE}\s*:?\s*(?=\d)(.+)")
LABEL: Final = _any_case(rf"{phrases.LABELS}(?=[\d.])")
STARTS: Final = _any_case(phrases.BEGINNINGS)

AXES: Final = _any_case(r"\s*\(?\s*[LWHDBT](?:\s*[x×*/]\s*[LWHDBT]){1,2}\s*\)?$")

FEET: Final = _any_case(rf"(\d+)\s*(?:ft\.?|feet|foot|'|′)\s*-?({_AMOUNT})\s*(?:in\.?|inch(?:es)?|\"|''|′′)?")
POUNDS: Final = _any_case(rf"(\d+)\s*(?:lbs?\.?|pounds?),?\s*({_AMOUNT})\s*(?:oz\.?|ounces?)")
HOURS: Final = _any_case(r"(\d+)\s*(?:h|hrs?|hours?|std\.?)\s*(?:and\s)?(\d+)\s*(?:min|mins|minutes?|minuten)\.?")
IN_PACKS: Final = _any_case(rf"(.+?),?\s*\(?\s*{phrases.PACK}(\d+)\s*\)?")
SO_MANY_PACK: Final = _any_case(r"(\d+)\s?(?:er|-teilig(?:es)?)?[\s-]?(?:pack|set|stück)")
PROTECTION: Final = _any_case(r"(?:broad[\s-]spectrum\s)?(?:SPF|LSF)[\s#-]*(\d{1,3})|(\d{1,3})\s*(?:SPF|LSF)")
SYSTEM_FIRST: Final = re.compile(
    rf"(?i:size\s*)?({phrases.SYSTEMS}|eu|us|uk)\.?[\s:-]*(?i:(?:{_WEARERS})\s*)?"
    rf"(\d{{1,3}}(?:[.,]5)?)(?:\s?{_WIDTH})?"
)
SYSTEM_LAST: Final = re.compile(
    rf"(\d{{1,3}}(?:[.,]5)?)\s?(?:{_WIDTH})?\s?\(?({phrases.SYSTEMS}|eu|us|uk)\)?(?:\s(?i:{_WEARERS}))?"
)
WAIST_LENGTH: Final = re.compile(r"[Ww]?\s?(\d{2})\s?[Ww]?\s?[/xX]?\s?(?<=[\s/xXwW])[Ll]?\s?(\d{2})\s?[Ll]?")

FRACTION_LIKE: Final = re.compile(r"[1357]/(?:2|4|8|16|32)(?!\d)")

# Marked

BARE: Final = _any_case(rf"({_AMOUNT})(?:{GAP}{_SPELLED})?")
RANGE: Final = _any_case(
    rf"(?:{phrases.FROM})?([+-])?({_MEASURE})\s*"
    rf"(?:[-–—~〜～]|\b(?:bis|and|à|do|hasta)\b|(?<!\w){_maybe_marked('(?:to|a)')}(?!\w))\s*([+-])?({_MEASURE})"
)
TOLERANCE: Final = _any_case(rf"({_MEASURE})?\s*(?:±|\+/-|\+-)\s*({_MEASURE})")
FACTORS: Final = _any_case(rf"{_MEASURE}{_AXIS}(?:{_TIMES}{_MEASURE}{_AXIS}){{1,3}}")
FACTOR: Final = _any_case(rf"({_MEASURE}){_AXIS}(?:{_TIMES}|$)")
LISTED: Final = _any_case(
    rf"{_MEASURE}(?:\s*(?:/|\||,\s|(?<={CLOSE}),(?=\d+\s*{OPEN})|\bor\b|\band\b|&)\s*{_MEASURE}){{1,5}}"
)
ITEM: Final = _any_case(rf"(?:{LITERAL})(?:{GAP}{_UNIT})?(?:\s*(?:/|\||,|\bor\b|\band\b|&)\s*|$)")
PACK_OF: Final = _any_case(rf"{phrases.PACK}(\d+)(?:\s*{_SPELLED})?(?:\s*total)?")
_FOR_A: Final = rf"(?<!\w)(?:{_maybe_marked('a')}|{_maybe_marked('in')} an?)(?!\w)"
PER: Final = _any_case(rf"({_MEASURE})\s*(?:/|\bper\b|\bpro\b|{_FOR_A})\s*{_CONTAINER}")
CONTAINED: Final = _any_case(rf"({_MEASURE}){GAP}(?:{_maybe_marked(_CONTAINER)}|total|net(?:\swt\.?)?|jeweils)")
RESTATED: Final = _any_case(
    rf"({_MEASURE})\s*(?:\(\s*({_MEASURE})\s*\)|[/=|,]\s*({_MEASURE})|\bor\b\s*({_MEASURE})|\b(?:à|je)\b\s*({_MEASURE}))"
)

# Units and letters of axes (LxWxH) are no words.
_WORD: Final = _any_case(rf"{_UNIT}|[LWHDBTx]+(?![^\W\d_])|([^\W\d_]{{2,}})")
_NO_WORD: Final = re.compile(rf"\\.|[{OPEN}{CLOSE}]")
_WORDS: Final = frozenset(["", *(f"{word}{end}" for word in _CONTAINERS.split("|") for end in ("s", "es"))]).union(
    *(
        _WORD.findall(_NO_WORD.sub(" ", form.pattern))
        for form in (RANGE, TOLERANCE, FACTORS, LISTED, PER, CONTAINED, RESTATED)
    )
)


def is_all_known(text: str) -> bool:
    """Whether a marked text holds no word that the patterns for marked texts do not know."""
    return _WORDS.issuperset(map(str.lower, _WORD.findall(text)))
