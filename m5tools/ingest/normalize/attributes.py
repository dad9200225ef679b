"""Attribute values: normalised names and values, and the number with its unit where exactly one is surely read."""

from __future__ import annotations

import polars as pl

from m5tools.ingest.normalize.text import clean

# Keys are units after NFKC (which makes two primes of ″) in lower case.
_UNITS = {
    "mm": "mm", "cm": "cm", "m": "m", "km": "km", "in": "in", "inch": "in", "inches": "in", '"': "in", "′′": "in",
    "ft": "ft", "mg": "mg", "g": "g", "gr": "g", "kg": "kg", "oz": "oz", "lb": "lb", "lbs": "lb",
    "ml": "ml", "cl": "cl", "l": "l", "liter": "l", "litre": "l", "w": "W", "kw": "kW", "v": "V", "a": "A",
    "mah": "mAh", "wh": "Wh", "hz": "Hz", "khz": "kHz", "mhz": "MHz", "ghz": "GHz", "kb": "KB", "mb": "MB",
    "gb": "GB", "tb": "TB", "mp": "MP", "%": "%", "°c": "°C", "°f": "°F", "s": "s", "min": "min", "h": "h",
    "pcs": "pcs", "pc": "pcs", "pack": "pcs",
}  # fmt: skip
_VALUE = r"^([+-]?\d+(?:[.,]\d+)?)\s*([a-z°%\"′]*)$"


def attributes(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `name`, `value`, `number` and `unit` to `name_raw` and `value_raw`.

    A value is a number only when it is one number with at most one known unit and nothing else. A comma before exactly
    three digits could group thousands or set off decimals, so such a value stays text.
    """
    name = clean(frame["name_raw"]).str.to_lowercase().str.strip_chars(" :")
    frame = frame.with_columns(name=name.fill_null(""), value=clean(frame["value_raw"]))
    parts = pl.col("value").str.to_lowercase().str.extract_groups(_VALUE)
    frame = frame.with_columns(_digits=parts.struct.field("1"), _unit=parts.struct.field("2"))
    sure = (
        pl.col("_digits").is_not_null()
        & pl.col("_unit").is_in(["", *_UNITS])
        & ~pl.col("_digits").str.contains(r",\d{3}$")
        & (pl.col("_digits").str.len_chars() <= 15)
    )
    return frame.with_columns(
        number=pl.when(sure).then(pl.col("_digits").str.replace(",", ".", literal=True).cast(pl.Float64, strict=False)),
        unit=pl.when(sure).then(pl.col("_unit").replace_strict(_UNITS, default=None, return_dtype=pl.String)),
    ).drop("_digits", "_unit")
