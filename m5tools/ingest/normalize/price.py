"""Prices: plain numbers, and numbers between signs, by columns; what else a price may look like value by value.

Of a range ("10 – 20 €", "from $5") the lower bound counts: what is asked at least. What is no price of one piece
("2 for $5", "20 %", "5 €/kg") is null. Whether 1.299 is one or a thousand: a bare number with a point is a machine's,
unless the mapping or the language says that commas set off decimals; between signs three digits are a group, except for
currencies of a thousand parts, where they are parts behind the sign that sets those off, else unsure.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, NamedTuple

import polars as pl

from m5tools.ingest.normalize.currency import (
    CODES,
    DECIMAL,
    DIRECTIONS,
    DOMAIN,
    THOUSANDTHS,
    country_of,
    currency_of,
    is_sign,
    together,
)  # fmt: skip
from m5tools.ingest.normalize.numbers import Decimal, number

# As programs write floats: 27.9, 27.900000000000002, 2.79e+01. A bare 1e5 is more often a code.
_MACHINE: Final = r"^(?:\d{1,15}(?:\.\d{1,17})?|\d\.\d{1,17}[eE][+-]\d\d)$"
_GROUPABLE: Final = r"^\d{1,3}\.\d{3}$"
_SIGN: Final = r"[\p{L}\p{Sc}][\p{L}\p{Sc}. ]{0,4}?"
# Amounts that say themselves which sign is which, for at most two digits stand behind the last.
_CLEAR: Final = (
    r"[0-9]{1,9}(?:[.,][0-9]{1,2})?|[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{1,2}|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,2}"
)
_SIGNED: Final = rf"^({_SIGN})?\s?({_CLEAR})\s?({_SIGN})?$"

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
_OF_A_UNIT: Final = re.compile(
    r"\s*[(\[](?=[^()\[\]]*\d)[^()\[\]]*(?:/|=|\b(?:per|pro|je|par|por|al|za|je|each)\b)[^()\[\]]*[)\]]\s*$",
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


def prices(
    raw: pl.Series, currency: pl.Series, urls: pl.Series | None = None, decimals: pl.Series | None = None
) -> pl.DataFrame:
    """Columns `price` (float64) and `currency` (ISO 4217), null where unsure.

    Args:
        raw: prices as delivered.
        currency: currencies as delivered, codes or signs; where blank, a sign in the price decides.
        urls: the products' pages: their domain says which dollar a bare `$` is.
        decimals: the decimal sign of each row's locale, where it is known.
    """
    nothing = pl.repeat(None, len(raw), dtype=pl.String, eager=True)
    frame = pl.DataFrame(
        {
            "text": raw.str.strip_chars(),
            "given": currency,
            "url": nothing if urls is None else urls,
            "decimal": nothing if decimals is None else decimals,
        }
    ).with_columns(
        machine=pl.col("text").str.contains(_MACHINE)
        & ~((pl.col("decimal") == ",").fill_null(False) & pl.col("text").str.contains(_GROUPABLE))
    )
    frame = frame.with_columns(
        price=pl.when("machine").then(pl.col("text").cast(pl.Float64, strict=False)),
        sign=pl.lit(None, pl.String),
    )
    rest = frame.select(~pl.col("machine") & pl.col("text").is_not_null()).to_series().fill_null(False).arg_true()
    if len(rest):
        read = _signed(frame[rest].select("text", "decimal"))
        frame = frame.with_columns(
            frame["price"].scatter(rest, read["amount"]), frame["sign"].scatter(rest, read["sign"])
        )
    return frame.select(
        price=pl.when(pl.col("price").is_finite()).then("price"),
        currency=_currencies(frame["given"], frame["sign"], frame["url"]),
    )


def _signed(frame: pl.DataFrame) -> pl.DataFrame:
    """`amount` and `sign` of texts that are no bare machine number."""
    parts = frame["text"].str.extract_groups(_SIGNED).struct.unnest()
    before, digits, after = (parts.to_series(i) for i in range(3))
    sign = before.fill_null("") + after.fill_null("")
    sure = (before.is_null() | after.is_null()) & digits.is_not_null() & _is_sign(sign)
    amounts = digits.str.replace(r"[.,](\d{1,2})$", "p$1").str.replace_all(r"[.,]", "")
    amounts = amounts.str.replace("p", ".", literal=True).cast(pl.Float64, strict=False)
    found = pl.DataFrame({"amount": amounts.set(~sure.fill_null(False), None), "sign": sign.fill_null("")})
    odd = (~sure.fill_null(False)).arg_true()
    if odd.is_empty():
        return found
    read = [priced(text, decimal) for text, decimal in frame[odd].iter_rows()]
    amount = pl.Series([one.amount for one in read], dtype=pl.Float64)
    return found.with_columns(
        found["amount"].scatter(odd, amount), found["sign"].scatter(odd, pl.Series([one.sign for one in read]))
    )


def _is_sign(signs: pl.Series) -> pl.Series:
    """Whether a text is a sign of some currency; those of a thousand parts are for the careful way."""
    known = {
        sign: not sign or (is_sign(sign) and currency_of(sign) not in THOUSANDTHS)
        for sign in signs.drop_nulls().unique(maintain_order=True)
    }
    return signs.replace_strict(known, default=None, return_dtype=pl.Boolean)


def _currencies(given: pl.Series, signs: pl.Series, urls: pl.Series) -> pl.Series:
    asked = pl.DataFrame({"given": given, "sign": signs, "url": urls})
    codes = given.str.strip_chars().str.to_uppercase()
    known = codes.is_in(list(CODES)).fill_null(False)
    if known.all():
        return codes
    rows = (~known & (given.is_not_null() | signs.is_not_null())).arg_true()
    signs_and_domains = asked[rows].select("given", "sign", pl.col("url").str.extract(DOMAIN, 1))
    found = [_currency(*row) for row in signs_and_domains.iter_rows()]
    return codes.set(~known, None).scatter(rows, pl.Series(found, dtype=pl.String))


@lru_cache(maxsize=65_536)
def _currency(given: str | None, sign: str | None, domain: str | None) -> str | None:
    country = country_of(domain)
    return (currency_of(given, country) if given else None) or (currency_of(sign, country) if sign else None)


@lru_cache(maxsize=65_536)
def priced(text: str, decimal: Decimal | None = None) -> Priced:
    """The price in a short text.

    Args:
        text: `1.299,00 €`, `CHF 1’299.–`, `1 299,50 Kč`, `99€90`, `Rs. 1,29,900`, `from $5`.
        decimal: the decimal sign of the locale.
    """
    if len(text) > _LONGEST:
        return Priced(None, "")
    bare = _TRAIL.sub("", _LEAD.sub("", _OF_A_UNIT.sub("", _plainly(text)))).strip()
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
    if (sign := _agreed(signs)) is None:
        return Priced(None, "")
    return Priced(_amount(match["amount"], decimal, currency_of(sign)), sign)


def _plainly(text: str) -> str:
    """A text as most write it: NFKC, Western digits, cents on the line, no marks of footnotes or direction."""
    if text.isascii():
        return text.strip()
    text = _FOOTNOTE.sub("", _RAISED.sub(lambda raised: " " + unicodedata.normalize("NFKC", raised[0]).strip(), text))
    text = unicodedata.normalize("NFKC", text).translate(DIRECTIONS).replace("٫", ".").replace("٬", ",")
    return re.sub(r"\d", lambda digit: str(unicodedata.digit(digit[0])), text).strip()


def _signs(*around: str | None) -> list[str] | None:
    """The signs around an amount; None where something else stands there."""
    found = [part.strip(" ,-*:").strip() for part in around if part]
    found = [part for part in dict.fromkeys(found) if part]
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
    if text.startswith("-") or _NO_PRICE.search(text) or len(re.findall(_AMOUNT, text)) != 1 or found.amount is None:
        return Priced(None, sign)
    return Priced(float(found.amount) if abs(found.amount) < 10**15 else None, sign)
