"""Times: ISO 8601 → UTC, each value by itself: how one row is written decides nothing about the next."""

from __future__ import annotations

import polars as pl

_DATE = r"^(\d{4})[-/](\d{2})[-/](\d{2})$"
_ZONED = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M%#z")
_YEARS = (1, 9999)
_NAIVE = ("%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M")


def moments(texts: pl.Series) -> pl.Series:
    """A date or time as UTC timestamp; without a zone it is taken for UTC, any other writing is null.

    10/11/2024 is October in one country and November in the next, so it stays text (in `raw`).
    """
    coded = texts.to_arrow().dictionary_encode()
    iso = pl.Series(coded.dictionary, dtype=pl.String).str.strip_chars()
    iso = iso.str.replace(_DATE, "${1}-${2}-${3}T00:00").str.replace(r"^(\S{10}) +", "${1}T")
    found = pl.repeat(None, len(iso), dtype=pl.Datetime("us", "UTC"), eager=True)
    for form in (*_ZONED, *_NAIVE):
        # Most deliveries write all times in one way, and reading is slow.
        if not found.null_count():
            break
        zone = "UTC" if form in _ZONED else None
        read = iso.str.to_datetime(form, time_unit="us", time_zone=zone, strict=False)
        found = found.fill_null(read if zone else read.dt.replace_time_zone("UTC"))
    # A zone may lead out of the years that calendars, Python's among them, have.
    found = pl.select(pl.when(found.dt.year().is_between(*_YEARS)).then(found)).to_series()
    return found.gather(pl.Series(coded.indices))
