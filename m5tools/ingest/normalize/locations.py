"""Media locations and page addresses: stray prefixes repaired, ids from what they mean."""

from __future__ import annotations

import hashlib
import re

import polars as pl

_TRACKING = re.compile(r"(?:utm_\w+|gclid|fbclid|spm|scm|ref)=", re.IGNORECASE)


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


def canonical_url(url: str) -> str:
    """A page address without fragment and tracking parameters, host in lower case: the key of a product without id.

    A fragment that is a path (`#/item/1`, `#!/item/1`) names the page of a shop that is one script, and stays.
    """
    address, _, fragment = url.strip().partition("#")
    head, _, query = address.partition("?")
    scheme, separator, rest = head.partition("://")
    if not separator:
        scheme, rest = "", head
    host, slash, path = rest.partition("/")
    kept = sorted(p for p in query.split("&") if p and not _TRACKING.match(p))
    route = f"#{fragment}" if fragment.startswith(("/", "!/")) else ""
    return f"{scheme.lower()}://{host.lower()}{slash}{path.rstrip('/')}{'?' if kept else ''}{'&'.join(kept)}{route}"
