"""The patterns of the grammar of quantities. Which numbers and units they let through is for `measures.py` to say.

Those below "marked" look at texts in which units are marked (see `marking.py`), the others at texts as they are.
"""

from __future__ import annotations

import re
from typing import Final

from m5tools.ingest.normalize.marking import CLOSE, GAP, OPEN
from m5tools.ingest.normalize.numbers import LITERAL
from m5tools.ingest.normalize.quantity import Form

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
    r"(?:bag|box|bx|case|carton|cs|can|canister|bottle|jar|tin|tub|tube|pouch|pack|pk|pkg|package|packet|bundle|"
    r"dispenser|roll|ream|rm|cube|canister|container|serving|sheet|pad|book|set|unit|each|piece|pc|capsule|tablet|"
    r"stück|packung|karton|beutel|flasche|dose|polypack|tray|sleeve|bucket|pail|drum|pump|jug|stick)(?:e?s)?"
)
_PACK: Final = (
    r"(?:a\s+)?(?:packs?|pkg|sets?|box(?:es)?|cases?|cartons?|bundles?|bags?|lots?|kits?|pairs?|packungen|packung|"
    r"karton|juego|paquete|paquet|boîte|confezione)\s*(?:of|mit|von|à|de|da|di|:)\s*"
)
_SYSTEMS: Final = r"(?:EUR?|US|UK|FR|IT|DE|JP|CN|AU|BR|RU|MX|CM|INT)"
_WIDTH: Final = r"(?:[A-E]{1,4}|[MNW]|WW|XW|[Mm]edium|[Ww]ide|[Nn]arrow|[Rr]egular)(?:\s?\([A-Z]\)|\s?-\s?Medium)?"
_WEARERS: Final = r"(?:wo)?men'?s?|kids?|infants?|toddlers?|youth|big kids?|little kids?|adults?|unisex|yth"


def _any_case(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


QUALIFIERS: Final[tuple[tuple[re.Pattern[str], Form], ...]] = tuple(
    (re.compile(rule, re.IGNORECASE), form)
    for rule, form in (
        (r"(?:approx(?:imately|\.)?|approximate|about|circa|ca\.?|c\.|around|env(?:iron|\.)?|ungefähr|etwa|roughly|"
         r"约|大约|[~≈∼])\s*(?=[\d.,])(.+)", Form.ABOUT),
        (r"(.+?)\s*\(?(?:approx(?:imately|\.)?|ca\.|左右)\)?", Form.ABOUT),
        (r"(?:[<≤]=?|max(?:imum|\.|:)?|up\s?to|bis(?:\szu)?|jusqu'à|hasta|less than|below|under|no more than|hingga)"
         r"\s*(?=[\d.,])(.+)", Form.AT_MOST),
        (r"(.+?)\s*\(?(?:max(?:imum|\.)?|or less|and under|& under|and below)\)?", Form.AT_MOST),
        (r"(?:[>≥]=?|min(?:imum|\.|:)?|at least|more than|over|above|from|ab|mindestens|desde|dès)\s*(?=[\d.,])(.+)",
         Form.AT_LEAST),
        (r"(.+?)\s*(?:\+|\(?(?:min(?:imum|\.)|and up|& up|and above|& above|and older|or more|or older|plus|以上)\)?)",
         Form.AT_LEAST),
    )
)  # fmt: skip
AGES: Final = _any_case(r"(?:ages?|aged|alter|children|kids|babies|adults)\s*:?\s*(?=\d)(.+)")
LABEL: Final = _any_case(
    r"(?:net\s)?(?:wt|weight|contents?|size|length|width|height|depth|diameter|capacity|volume|thickness)\.?\s*:?\s*(?=[\d.])"
)
AXES: Final = _any_case(r"\s*\(?\s*[LWHDBT](?:\s*[x×*/]\s*[LWHDBT]){1,2}\s*\)?$")

FEET: Final = _any_case(rf"(\d+)\s*(?:ft\.?|feet|foot|'|′)\s*-?({_AMOUNT})\s*(?:in\.?|inch(?:es)?|\"|''|′′)?")
POUNDS: Final = _any_case(rf"(\d+)\s*(?:lbs?\.?|pounds?),?\s*({_AMOUNT})\s*(?:oz\.?|ounces?)")
HOURS: Final = _any_case(r"(\d+)\s*(?:h|hrs?|hours?|std\.?)\s*(?:and\s)?(\d+)\s*(?:min|mins|minutes?|minuten)\.?")
IN_PACKS: Final = _any_case(rf"(.+?),?\s*\(?\s*{_PACK}(\d+)\s*\)?")
SO_MANY_PACK: Final = _any_case(r"(\d+)\s?(?:er|-teilig(?:es)?)?[\s-]?(?:pack|set|stück)")
PROTECTION: Final = _any_case(r"(?:broad[\s-]spectrum\s)?(?:SPF|LSF)[\s#-]*(\d{1,3})|(\d{1,3})\s*(?:SPF|LSF)")
SYSTEM_FIRST: Final = re.compile(
    rf"(?i:size\s*)?({_SYSTEMS}|eu|us|uk)\.?[\s:-]*(?i:(?:{_WEARERS})\s*)?"
    rf"(\d{{1,3}}(?:[.,]5)?)(?:\s?{_WIDTH})?"
)
SYSTEM_LAST: Final = re.compile(
    rf"(\d{{1,3}}(?:[.,]5)?)\s?(?:{_WIDTH})?\s?\(?({_SYSTEMS}|eu|us|uk)\)?(?:\s(?i:{_WEARERS}))?"
)
WAIST_LENGTH: Final = re.compile(r"[Ww]?\s?(\d{2})\s?[Ww]?\s?[/xX]?\s?(?<=[\s/xXwW])[Ll]?\s?(\d{2})\s?[Ll]?")

FRACTION_LIKE: Final = re.compile(r"[1357]/(?:2|4|8|16|32)(?!\d)")

# Marked

BARE: Final = _any_case(rf"({_AMOUNT})(?:{GAP}{_SPELLED})?")
RANGE: Final = _any_case(
    rf"(?:between\s|from\s|von\s)?({_MEASURE})\s*"
    rf"(?:[-–—~〜～]|\b(?:bis|and|à)\b|(?<!\w){_maybe_marked('(?:to|a)')}(?!\w))\s*({_MEASURE})"
)
TOLERANCE: Final = _any_case(rf"({_MEASURE})?\s*(?:±|\+/-|\+-)\s*({_MEASURE})")
FACTORS: Final = _any_case(rf"{_MEASURE}{_AXIS}(?:{_TIMES}{_MEASURE}{_AXIS}){{1,3}}")
FACTOR: Final = _any_case(rf"({_MEASURE}){_AXIS}(?:{_TIMES}|$)")
LISTED: Final = _any_case(rf"{_MEASURE}(?:\s*(?:/|\||,\s|,(?=\d+\s*{OPEN}?[^\W\d_])|\bor\b|\band\b|&)\s*{_MEASURE}){{1,5}}")
ITEM: Final = _any_case(rf"(?:{LITERAL})(?:{GAP}{_UNIT})?(?:\s*(?:/|\||,|\bor\b|\band\b|&)\s*|$)")
PACK_OF: Final = _any_case(rf"{_PACK}(\d+)(?:\s*{_SPELLED})?(?:\s*total)?")
_FOR_A: Final = rf"(?<!\w)(?:{_maybe_marked('a')}|{_maybe_marked('in')} an?)(?!\w)"
PER: Final = _any_case(rf"({_MEASURE})\s*(?:/|\bper\b|\bpro\b|{_FOR_A})\s*{_CONTAINERS}")
_CONTAINER: Final = _maybe_marked(rf"(?:{_CONTAINERS}|each)")
CONTAINED: Final = _any_case(rf"({_MEASURE}){GAP}(?:{_CONTAINER}|total|net(?:\swt\.?)?|jeweils)")
RESTATED: Final = _any_case(rf"({_MEASURE})\s*(?:\(\s*({_MEASURE})\s*\)|[/=|,]\s*({_MEASURE})|\bor\b\s*({_MEASURE}))")
