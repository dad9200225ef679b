"""Prices: plain numbers, and numbers between signs, by columns; what else a price may look like value by value.

Of a range ("10 – 20 €", "from $5") the lower bound counts: what is asked at least. What is no price of one piece
("2 for $5", "20 %", "5 €/kg") is null. Whether 1.299 is one or a thousand: a bare number with a point is a machine's,
unless the mapping or the language says that commas set off decimals; between signs three digits are a group, except for
currencies of a thousand parts, where they are parts behind the sign that sets those off, else unsure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import polars as pl

from m5tools.ingest.normalize.currency import CODES, DOMAIN, THOUSANDTHS, country_of, currency_of, is_sign
from m5tools.ingest.normalize.priced import priced

# As programs write floats: 27.9, 27.900000000000002, 2.79e+01. A bare 1e5 is more often a code.
_MACHINE: Final = r"^(?:\d{1,15}(?:\.\d{1,17})?|\d\.\d{1,17}[eE][+-]\d\d)$"
_GROUPABLE: Final = r"^\d{1,3}\.\d{3}$"
_SIGN: Final = r"[\p{L}\p{Sc}][\p{L}\p{Sc}. ]{0,4}?"
# Amounts that say themselves which sign is which, for at most two digits stand behind the last.
_CLEAR: Final = (
    r"[0-9]{1,9}(?:[.,][0-9]{1,2})?|[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]{1,2}|[0-9]{1,3}(?:\.[0-9]{3})+,[0-9]{1,2}"
)
_SIGNED: Final = rf"^({_SIGN})?\s?({_CLEAR})\s?({_SIGN})?$"


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
