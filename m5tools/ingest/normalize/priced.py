"""The price in one text: signs, digits, cents and words around them in the ways of the world."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

from m5tools.ingest.normalize.currency import DECIMAL, DIRECTIONS, THOUSANDTHS, currency_of, is_sign, together
from m5tools.ingest.normalize.numbers import Decimal, number

_AMOUNT: Final = r"(?:(?<![^\W\d_])(?<!/)[.,](?=\d{1,2}(?!\d)))?\d(?:[\d.,'’]|[ ](?=\d{3}(?!\d)))*"
_LONGEST: Final = 60
_LETTERS: Final = r"[^\W\d_]"
_ONE: Final = re.compile(
    rf"(?P<before>[^\d+-]{{0,12}}?)\s*(?P<amount>{_AMOUNT})(?:\s?(?P<dash>[.,]?\s?[-–—]{{1,2}}))?\s*(?P<after>[^\d]{{0,12}})"
)
# Cents set small above the line come as digits behind a space: $12 99.
_SPLIT: Final = re.compile(
    r"(?P<before>[^\d+-]{0,6}?)\s?(?P<whole>\d{1,3}(?:[.,]\d{3})*|\d+)(?:\s?(?P<between>[^\d\s.,-]{1,4})\s?|\s)"
    r"(?P<cents>\d\d)\s?(?P<after>[^\d-]{0,6})"
)
_RAISED: Final = re.compile(r"(?<=\d)\s?[⁰¹²³⁴⁵⁶⁷⁸⁹]{2}(?![⁰¹²³⁴⁵⁶⁷⁸⁹])")
_FOOTNOTE: Final = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹]\)?|\*+\)?$")
# What a kilogram or a piece of it costs, in brackets behind the price.
_WORD: Final = re.compile(rf"{_LETTERS}+")
_OF_A_UNIT: Final = re.compile(
    r"\s*[(\[](?=[^()\[\]]*\d)[^()\[\]]*(?:/|=|\b(?:per|pro|je|par|por|al|za|je|each)\b)[^()\[\]]*[)\]]$",
    re.IGNORECASE,
)
_RANGE: Final = re.compile(
    rf"^([^\d+-]{{0,12}}{_AMOUNT}\s*[^\d\s–—-]{{0,6}})\s*(?:[-–—~]|\bto\b|\bbis\b|\bà\b)\s*"
    rf"([^\d+-]{{0,6}}{_AMOUNT}.{{0,6}})$"
)
_LEAD: Final = re.compile(
    r"^(?:from|ab|à partir de|desde|da|von|vanaf|od|from:|price|preis|prix|precio|prezzo|"
    r"cena|preço|цена|价格|售价|価格|税込|税抜|only|nur|now|sale|uvp|msrp)"
    r"\s*:?\s*(?=\S*\d|\S+\s\d)",
    re.IGNORECASE,
)
_TRAIL: Final = re.compile(
    r"\s*(?:\*|\(?(?:税込|税抜|税别|含税)\)?|起|から|\(?(?:incl?\.?|inkl\.?|excl?\.?|zzgl\.?|ttc|ht|tva|vat|mwst|tax|iva).*|each|"
    r"/ ?(?:pc|st(?:ü|u)ck|piece))\s*$",
    re.IGNORECASE,
)
_NO_PRICE: Final = re.compile(
    r"\d\s*(?:for|für|pour|por|per|x|×|%)(?![^\W\d_])|%|/\s?(?:100|kg|g|l|ml|oz|lb|m|month|mo|monat|mois)\b|\boff\b|\d{4}-\d\d-|"
    # Thousands and millions, cents, a price for a time, less than nothing, and what is written as a list.
    r"\d\s?(?:k|m|mn|mio|mrd|bn|million(?:en|s)?|thousand|tsd|lakh|crore|¢|p|ct|cents?)(?![^\W\d_])|"
    r"\bper\s+(?:month|week|day|year|hour|person|kg|100)|[-−(]\s?[^\d\s]{0,3}\s?\d+(?:[.,]\d+)?\)?$|^[\[{]",
    re.IGNORECASE,
)


class Priced(NamedTuple):
    """An amount, and the sign beside it as written ("" for none)."""

    amount: float | None
    sign: str


@lru_cache(maxsize=65_536)
def priced(text: str, decimal: Decimal | None = None) -> Priced:
    """The price in a short text.

    Args:
        text: `1.299,00 €`, `CHF 1’299.–`, `1 299,50 Kč`, `99€90`, `Rs. 1,29,900`, `from $5`.
        decimal: the decimal sign of the locale.
    """
    if len(text) > _LONGEST:
        return Priced(None, "")
    bare = _plainly(text)
    if bare[-1:] in ")]" and (unit_price := _OF_A_UNIT.search(bare)) is not None and _is_money(unit_price[0], bare):
        bare = bare[: unit_price.start()]
    bare = _TRAIL.sub("", _LEAD.sub("", bare)).strip()
    split = _SPLIT.fullmatch(bare)
    if split is not None and (sign := _agreed(_signs(*split.group("before", "between", "after")) or [])):
        return Priced(float(re.sub(r"\D", "", split["whole"]) + f".{split['cents']}"), sign)
    if (low := _RANGE.match(bare)) is not None:
        first, last = priced(low[1], decimal), priced(low[2], decimal)
        if first.amount is None or last.amount is None or first.amount > last.amount:
            return Priced(None, first.sign or last.sign)
        return Priced(first.amount, first.sign or last.sign)
    match = _ONE.fullmatch(bare)
    signs = _signs(match["before"], match["after"]) if match else None
    if match is None or signs is None or _NO_PRICE.search(bare):
        return _by_price_parser(bare)
    if (sign := _agreed(signs)) is None or (not sign and match["amount"].startswith(",")):
        return Priced(None, "")  # two signs that contradict each other; ",38" is an item of a list
    return Priced(_amount(match["amount"], decimal, currency_of(sign)), sign)


def _is_money(part: str, whole: str) -> bool:
    """Whether a part of a price names a currency: by its symbol, or as the rest of it does."""
    if any(unicodedata.category(character) == "Sc" for character in part):
        return True
    beside = set(_WORD.findall(whole.replace(part, "", 1)))
    return any(word in beside and is_sign(word) for word in _WORD.findall(part))


def _plainly(text: str) -> str:
    """A text as most write it: NFKC, Western digits, cents on the line, no marks of footnotes or direction."""
    if text.isascii():
        return text.strip()
    text = _FOOTNOTE.sub("", _RAISED.sub(lambda raised: " " + unicodedata.normalize("NFKC", raised[0]).strip(), text))
    text = unicodedata.normalize("NFKC", text).translate(DIRECTIONS).replace("٫", ".").replace("٬", ",")
    return re.sub(r"\d", lambda digit: str(unicodedata.digit(digit[0])), text).strip()


def _signs(*around: str | None) -> list[str] | None:
    """The signs around an amount; None where something else stands there."""
    found = [stripped for part in around if part and (stripped := part.strip(" ,-*:").strip())]
    if len(found) > 1:
        found = list(dict.fromkeys(found))
    return found if all(map(is_sign, found)) else None


def _agreed(signs: list[str]) -> str | None:
    """What signs say together, "" for none; None where they contradict each other."""
    if len(signs) < 2:
        return signs[0] if signs else ""
    return together(signs[0], signs[1]) if len(signs) == 2 else None


def _amount(written: str, decimal: Decimal | None, currency: str | None) -> float | None:
    """A number as prices write them: three digits behind one separator are a group, unless it is a small currency."""
    digits = written.rstrip(".,'’ ")
    value = number(digits, decimal)
    if value is not None:
        return value
    if currency in THOUSANDTHS and " " not in digits:
        usual = DECIMAL.get(currency or "")
        return number(digits, usual) if usual is not None and usual in digits else None
    if re.fullmatch(r"\d{1,3}(?:[., ]\d{3})+", digits):
        return number(re.sub(r"[., ]", "", digits))
    return None


def _by_price_parser(text: str) -> Priced:
    """Words around one price; only its currency is taken where several numbers or a quantity stand beside it."""
    from price_parser import Price  # a fifth of a second to load, and most deliveries need it never

    found = Price.fromstring(text)
    sign = found.currency or ""
    if sign[:1].isalpha() and sign not in _WORD.findall(text):
        sign = ""  # letters inside a word
    if text.startswith("-") or _NO_PRICE.search(text) or len(re.findall(_AMOUNT, text)) != 1 or found.amount is None:
        return Priced(None, sign)
    return Priced(float(found.amount) if abs(found.amount) < 10**15 else None, sign)
