"""Prices: plain numbers column-wise; the rest, with signs, words and separators, by our grammar, each text once.

price-parser names the currencies that the grammar has no sign for.
"""

from __future__ import annotations

import polars as pl
from price_parser import Price

from m5tools.ingest.normalize.money import currency_of, money

_PLAIN = r"^\s*\d+(?:\.\d{1,4})?\s*$"
_CURRENCY = r"^[A-Z]{3}$"


def prices(raw: pl.Series, currency: pl.Series) -> pl.DataFrame:
    """Columns `price` (float64) and `currency` (ISO 4217), null where unsure.

    Args:
        raw: prices as delivered.
        currency: currencies as delivered; where blank, a sign in the price decides.
    """
    plain = raw.str.contains(_PLAIN).fill_null(False)
    rest = raw.filter(~plain & raw.is_not_null()).unique(maintain_order=True)
    parsed = {text: money(text) for text in rest}
    amounts = {text: float(found.amount) for text, found in parsed.items() if found is not None}
    signs = {text: currency_of(text) or Price.fromstring(text[:200]).currency for text in rest}
    frame = pl.DataFrame({"raw": raw, "given": currency.str.strip_chars().str.to_uppercase()})
    return frame.select(
        price=pl.coalesce(
            pl.when(plain).then(pl.col("raw").str.strip_chars().cast(pl.Float64, strict=False)),
            pl.col("raw").replace_strict(amounts, default=None, return_dtype=pl.Float64),
        ),
        currency=pl.coalesce(
            pl.when(pl.col("given").str.contains(_CURRENCY)).then("given"),
            pl.col("raw").replace_strict(signs, default=None, return_dtype=pl.String),
        ),
    ).with_columns(
        pl.when(pl.col("price").is_finite()).then("price"),
        pl.when(pl.col("currency").str.contains(_CURRENCY)).then("currency"),
    )
