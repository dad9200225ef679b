"""Currencies: which ISO 4217 code a sign, name or code stands for, where need be by the country of the domain."""

from __future__ import annotations

import json
import re
import unicodedata
from functools import cache, lru_cache
from typing import Final

from m5tools import resources
from m5tools.ingest.normalize.numbers import Decimal

_ISO_4217: Final = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD "
    "HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD "
    "MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN "
    "PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY "
    "TTD TWD TZS UAH UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
CODES: Final = frozenset(_ISO_4217.split())
THOUSANDTHS: Final = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
"""Currencies of a thousand parts: three digits behind a separator may be those, and no group (ISO 4217)."""
DECIMAL: Final[dict[str, Decimal]] = {"BHD": ".", "JOD": ".", "KWD": ".", "OMR": ".", "TND": ","}
"""The sign that sets off those of them that shops still charge, in Western digits (CLDR: ar-KW …, fr-TN)."""

_MEANT: Final = {
    "$": "USD", "£": "GBP", "¥": "JPY", "₩": "KRW", "₱": "PHP", "RS": "INR", "C$": "CAD", "LEI": "RON", "ЛВ": "BGN",
    "РУБ": "RUB", "DHS": "AED",
}  # fmt: skip
"""Of the marks of several currencies, those that mean one of them where the country says nothing else."""

DOMAIN: Final = r"(?i)^[a-z]+://[^/]*?\.((?:com?\.)?[a-z]{2})(?:[:/?#]|$)"
"""What takes the domain of a country out of an address, `com.` before it included."""

_SOLD: Final = frozenset(["ai", "cc", "co", "eu", "io", "me", "tv"])
"""Domains of no country, or that anybody may have."""

_CODE_AND_MARK: Final = re.compile(r"([A-Z]{3}) ?(\W.*)|(\W.*?) ?([A-Z]{3})")


def country_of(domain: str | None) -> str:
    """The country that a domain is of, lower case; empty where it says nothing (`co`, but not `com.co`)."""
    country = (domain or "").lower()
    return "" if country in _SOLD else country.rpartition(".")[2]


@lru_cache(maxsize=4_096)
def currency_of(sign: str, country: str = "") -> str | None:
    """The ISO 4217 code of a sign, name or code; None where it is none, or of several countries and no domain decides.

    Args:
        sign: as written beside a price.
        country: of the shop's domain.
    """
    codes = _codes(sign)
    if len(codes) < 2:
        return codes[0] if codes else None
    return next((code for code in codes if code[:2] == country.upper()), _MEANT.get(written(sign).rstrip(".")))


def is_sign(sign: str) -> bool:
    """Whether a text is a sign, name or code of some currency."""
    return bool(_codes(sign))


def together(one: str, other: str) -> str | None:
    """What two signs around one amount say together (`$` and `MXN`); None where they contradict each other."""
    common = [code for code in _codes(one) if code in _codes(other)]
    if not common:
        return None
    return common[0] if len(common) == 1 else min(one, other, key=lambda sign: len(_codes(sign)))


def written(sign: str) -> str:
    """A sign as it is looked up: NFKC, upper case, without marks of direction."""
    return (
        unicodedata.normalize("NFKC", sign).translate(DIRECTIONS).strip().upper().replace(" $", "$").replace("$ ", "$")
    )


DIRECTIONS: Final = dict.fromkeys([0x200E, 0x200F, 0x061C, *range(0x202A, 0x202F), *range(0x2066, 0x206A)], "")
"""Marks of the direction of writing, which stand around Arabic and Hebrew prices; for `str.translate`."""


@lru_cache(maxsize=4_096)
def _codes(sign: str) -> tuple[str, ...]:
    """The currencies that a sign may stand for."""
    sign = written(sign)
    if sign in CODES:
        return (sign,)
    if (known := _marks().get(sign)) is not None:
        return known
    if (both := _CODE_AND_MARK.fullmatch(sign)) is None:
        return ()
    code, mark = both[1] or both[4], (both[2] or both[3]).strip()
    return (code,) if code in CODES and code in _marks().get(mark, ()) else ()


@cache
def _marks() -> dict[str, tuple[str, ...]]:
    """Every mark of `schemas/currencies.json` and the currencies that have it."""
    table = json.loads((resources.folder("schemas") / "currencies.json").read_text(encoding="utf-8"))
    found: dict[str, tuple[str, ...]] = {}
    for code, about in table["currencies"].items():
        # Behind letters a point is written or left out: kr, kr.
        plain = [mark.rstrip(".") for mark in about["marks"]]
        for mark in dict.fromkeys([*plain, *(f"{mark}." for mark in plain if mark[-1].isalpha() or mark[-1] == "/")]):
            found[mark] = (*found.get(mark, ()), code)
    return found
