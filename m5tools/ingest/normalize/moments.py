"""Times: ISO 8601 → UTC, each value by itself: how one row is written decides nothing about the next."""

from __future__ import annotations

import polars as pl

_DATE = r"^(\d{4})[-/](\d{2})[-/](\d{2})$"
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")


def moments(text: pl.Expr) -> pl.Expr:
    """A date or time as UTC timestamp; without a zone it is taken for UTC, any other writing is null.

    10/11/2024 is October in one country and November in the next, so it stays text (in `raw`).
    """
    iso = text.str.strip_chars().str.replace(_DATE, "${1}-${2}-${3}T00:00").str.replace(r"^(\S{10}) +", "${1}T")
    zoned = (iso.str.to_datetime(form, time_unit="us", time_zone="UTC", strict=False) for form in _ZONED)
    naive = (iso.str.to_datetime(form, time_unit="us", strict=False).dt.replace_time_zone("UTC") for form in _NAIVE)
    return pl.coalesce(*zoned, *naive)
