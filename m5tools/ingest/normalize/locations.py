"""Media locations: stray prefixes repaired, ids from what they mean."""

from __future__ import annotations

import hashlib

import polars as pl


def location(column: pl.Expr) -> pl.Expr:
    """A URL with stray `#` and `//` prefixes repaired, or a path with `/` separators and no leading `/`.

    The released M5Product files hold URLs that begin with `#` or `//`.
    """
    text = column.str.strip_chars().str.replace(r"^#+", "")
    protocol_less = text.str.contains(r"^//[^/]+\.[^/]+/")
    path = text.str.replace_all("\\", "/", literal=True).str.replace(r"^(?:\./|/)+", "")
    return (
        pl.when(protocol_less).then(pl.lit("https:") + text).when(text.str.contains(r"^[a-zA-Z][\w+.-]*:")).then(text)
        .otherwise(path)
    )  # fmt: skip


def location_ids(locations: pl.Series, source: str) -> pl.Series:
    """32 hex digits each: sha256 of a URL, sha256 of source and path otherwise."""

    def one(value: str) -> str:
        key = value if "://" in value else f"{source}\x1f{value}"
        return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:32]

    given = locations.to_list()
    found = {value: one(value) for value in dict.fromkeys(given)}
    return pl.Series(map(found.__getitem__, given), dtype=pl.String)
