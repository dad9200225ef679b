"""The price in a piece of running text → an amount and a currency; unsure is None.

On a page a price stands between other words and must be found first; a cell that is a price is `normalize/price.py`'s.

`1.299,00 €`, `CHF 1’299.–`, `1 299,50 Kč`, `99€90`, `Rs. 1,29,000`, `from $5`, `10 – 20 €` (the lower bound is what a
range asks at least). Guards: a count is no price (`2 for $5`), nor is a share (`20 %`).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import NamedTuple

from m5tools.ingest.normalize.currency import THOUSANDTHS

# Not all of ISO 4217: in running text ALL, TOP, CUP and MOP are words.
CODES = frozenset(
    [
        "AED", "ARS", "AUD", "BAM", "BDT", "BGN", "BHD", "BRL", "BYN", "CAD", "CHF", "CLP", "CNY", "COP", "CRC",
        "CZK", "DKK", "DZD", "EGP", "EUR", "GBP", "GEL", "GTQ", "HKD", "HRK", "HUF", "IDR", "ILS", "INR", "IQD",
        "IRR", "ISK", "JOD", "JPY", "KES", "KRW", "KWD", "KZT", "LBP", "LKR", "MAD", "MDL", "MKD", "MMK", "MNT",
        "MXN", "MYR", "NGN", "NOK", "NPR", "NZD", "OMR", "PAB", "PEN", "PHP", "PKR", "PLN", "PYG", "QAR", "RON",
        "RSD", "RUB", "SAR", "SEK", "SGD", "THB", "TND", "TRY", "TWD", "UAH", "USD", "UYU", "UZS", "VND", "ZAR",
    ]
)  # fmt: skip
# Longest first where one sign begins another. A sign several countries share stands for the one that uses it most.
_SIGNS = {
    "US$": "USD", "CA$": "CAD", "C$": "CAD", "AU$": "AUD", "A$": "AUD", "NZ$": "NZD", "HK$": "HKD", "NT$": "TWD",
    "S$": "SGD", "R$": "BRL", "MX$": "MXN", "$U": "UYU", "$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "￥": "JPY",
    "円": "JPY", "元": "CNY", "₹": "INR", "₱": "PHP", "₩": "KRW", "฿": "THB", "₽": "RUB", "₺": "TRY", "₴": "UAH",
    "₪": "ILS", "₫": "VND", "₦": "NGN", "₸": "KZT", "₡": "CRC", "₲": "PYG", "₾": "GEL", "৳": "BDT", "﷼": "SAR",
    "zł": "PLN", "Kč": "CZK", "Ft": "HUF", "лв": "BGN", "руб": "RUB", "грн": "UAH", "lei": "RON", "kr": "SEK",
    "kn": "HRK", "din": "RSD", "дин": "RSD", "ден": "MKD", "KM": "BAM", "RM": "MYR", "Rp": "IDR", "Rs": "INR",
    "S/": "PEN", "TL": "TRY", "Fr": "CHF", "SFr": "CHF", "тг": "KZT", "ر.س": "SAR", "ريال": "SAR", "د.إ": "AED",
    "درهم": "AED", "ج.م": "EGP", "د.ك": "KWD", "บาท": "THB", "원": "KRW", "đ": "VND", "euro": "EUR", "eur": "EUR",
}  # fmt: skip
_WORD = [s for s in _SIGNS if s[-1].isalpha() and s[0].isalpha() and s[0].isascii()]
_MARK = re.compile(
    "|".join(
        [r"(?<![A-Za-z])(?:" + "|".join(sorted(CODES)) + r")(?![A-Za-z])"]
        + [re.escape(s) for s in sorted(_SIGNS, key=len, reverse=True) if s not in _WORD]
        + [r"(?<![^\W\d_])(?:" + "|".join(sorted(map(re.escape, _WORD), key=len, reverse=True)) + r")(?![^\W\d_])"]
    ),
    re.IGNORECASE,
)
_FOLDED = {sign.casefold(): code for sign, code in _SIGNS.items()}
_SPACE = " \u00a0\u202f\u2009"
_NUMBER = re.compile(
    rf"(?<![\d.,])(?:\d{{1,3}}(?:[{_SPACE}]\d{{3}})+(?!\d)|\d[\d.,'’٬]*\d|\d)(?:[.,]\d{{1,2}}(?!\d))?(?P<dash>[.,]\s?[-–—]+)?"
)
_SPLIT = re.compile(r"(\d)\s?([€£$])\s?(\d\d)(?!\d)")
_COUNT = re.compile(r"\d\s*(?:for|für|pour|per|por|x|×)\s*[^\d\s]?\s*\d", re.IGNORECASE)


class Money(NamedTuple):
    """A price.

    Attributes:
        amount: what is asked.
        currency: ISO 4217, where a code or sign says so.
    """

    amount: Decimal
    currency: str | None


def money(text: str) -> Money | None:
    """The first price of a short text; None when there is none, or when it may be something else."""
    text = text.strip()
    if not text or len(text) > 200 or _COUNT.search(text):
        return None
    currency = currency_of(text)
    text = _SPLIT.sub(r"\1.\3 \2", text)
    for found in _NUMBER.finditer(text):
        if text[found.end() : found.end() + 2].strip()[:1] in ("%", "°"):
            continue
        amount = amount_of(found[0].removesuffix(found["dash"] or ""), currency)
        if amount is not None:
            return Money(amount, currency)
    return None


def currency_of(text: str) -> str | None:
    """The ISO 4217 code of the first currency named in a text."""
    for found in _MARK.finditer(text):
        mark = found[0]
        if mark.upper() in CODES and (mark.isupper() or len(text) == len(mark)):
            return mark.upper()
        if (code := _FOLDED.get(mark.casefold())) is not None:
            return code
    return None


def amount_of(number: str, currency: str | None = None) -> Decimal | None:
    """A written number → its value. The last separator is the decimal one unless three digits follow it.

    With both signs the last is the decimal one; a sign that repeats groups digits; three digits after a single sign are
    a group, except for currencies of a thousand parts (dinars), after a leading zero and after more than three digits.
    """
    digits = re.sub(rf"[{_SPACE}'’٬]", "", number).strip(".,")
    if not digits or not all(c.isdecimal() or c in ".," for c in digits):
        return None
    last = max(digits.rfind("."), digits.rfind(","))
    if last < 0:
        return Decimal(digits)
    whole, part, sign = digits[:last], digits[last + 1 :], digits[last]
    both = ("." in digits) and ("," in digits)
    if digits.count(sign) > 1:
        groups = digits.split(sign)
        if not all(2 <= len(g) <= 3 for g in groups[1:]):
            return None
        return Decimal(re.sub(r"[.,]", "", digits))
    if len(part) == 3 and not both and currency not in THOUSANDTHS and whole.lstrip("0") and len(whole) <= 3:
        return Decimal(whole + part)
    return Decimal(re.sub(r"[.,]", "", whole) + "." + part)
