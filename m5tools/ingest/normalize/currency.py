"""Currencies: which ISO 4217 code a sign, name or code stands for, where need be by the country of the domain."""

from __future__ import annotations

from typing import Final

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
"""Currencies of a thousand parts: three digits behind a separator are theirs, and no group (ISO 4217, minor unit 3)."""

_SIGNS: Final = {
    "€": "EUR", "EURO": "EUR", "EUROS": "EUR", "£": "GBP", "US$": "USD", "US $": "USD", "U$S": "USD", "CA$": "CAD",
    "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "NT$": "TWD", "S$": "SGD", "R$": "BRL",
    "MX$": "MXN", "MEX$": "MXN", "₹": "INR", "₱": "PHP", "₩": "KRW", "원": "KRW", "฿": "THB", "บาท": "THB", "₽": "RUB",
    "РУБ": "RUB", "РУБ.": "RUB", "Р.": "RUB", "₺": "TRY", "TL": "TRY", "₴": "UAH", "ГРН": "UAH", "₪": "ILS", "₫": "VND",
    "Đ": "VND", "₦": "NGN", "₸": "KZT", "₡": "CRC", "₲": "PYG", "₾": "GEL", "৳": "BDT", "ZŁ": "PLN", "KČ": "CZK",
    "FT": "HUF", "ЛВ": "BGN", "ЛВ.": "BGN", "LEI": "RON", "RM": "MYR", "RP": "IDR", "RP.": "IDR", "S/": "PEN",
    "FR.": "CHF", "SFR": "CHF", "SFR.": "CHF", "元": "CNY", "RMB": "CNY", "CN¥": "CNY", "円": "JPY", "JP¥": "JPY",
    "د.إ": "AED", "ر.س": "SAR", "ج.م": "EGP", "د.ك": "KWD",
}  # fmt: skip
# Signs of several currencies: country of the domain → code; "" where the country says nothing.
_SHARED: Final[dict[str, dict[str, str]]] = {
    "$": {"": "USD", "ca": "CAD", "au": "AUD", "nz": "NZD", "sg": "SGD", "hk": "HKD", "tw": "TWD", "mx": "MXN",
          "ar": "ARS", "cl": "CLP", "co": "COP", "uy": "UYU"},
    "¥": {"": "JPY", "cn": "CNY"},
    "KR": {"se": "SEK", "no": "NOK", "dk": "DKK", "is": "ISK"},
    "RS": {"": "INR", "pk": "PKR", "lk": "LKR", "np": "NPR", "mu": "MUR"},
    "R": {"za": "ZAR"},
    "LEI": {"": "RON", "md": "MDL"},
}  # fmt: skip
_SHARED["KR."], _SHARED["RS."], _SHARED["￥"] = _SHARED["KR"], _SHARED["RS"], _SHARED["¥"]

DOMAIN: Final = r"(?i)^[a-z]+://[^/]*\.([a-z]{2})(?:[:/?#]|$)"
"""What takes the domain of a country out of an address."""

_SOLD: Final = frozenset(["ai", "cc", "co", "eu", "io", "me", "tv"])
"""Domains of no country, or that anybody may have."""


def country_of(domain: str | None) -> str:
    """The country that a domain is of, lower case; empty where it says nothing."""
    country = (domain or "").lower()
    return "" if country in _SOLD else country


def currency_of(sign: str, country: str = "") -> str | None:
    """The ISO 4217 code of a sign, name or code; None where it is none, or of several countries and no domain decides.

    Args:
        sign: as written beside a price.
        country: of the shop's domain.
    """
    sign = sign.strip().upper()
    if sign in CODES:
        return sign
    if (shared := _SHARED.get(sign)) is not None:
        return shared.get(country, shared.get(""))
    return _SIGNS.get(sign)
