"""Addresses of product pages in one form, over whole columns."""

from __future__ import annotations

from typing import Final

import polars as pl

_TRACKING: Final = r"(?i)^(?:utm_\w+|gclid|fbclid|spm|scm|ref)="
_PAGE: Final = r"^[a-z][a-z0-9+.-]*://[^/?#]+(?:/[^/]|/?[?#])"


def canonical_url(column: pl.Expr) -> pl.Expr:
    """A page address without fragment and tracking parameters, host in lower case: the key of a product without id.

    A fragment that is a path (`#/item/1`, `#!/item/1`) names the page of a shop that is one script, and stays.
    """
    address, fragment = _cut(column.str.strip_chars(), "#")
    head, query = _cut(address, "?")
    scheme, rest = _cut(head, "://")
    schemeless = rest.is_null()
    host, path = _cut(pl.when(schemeless).then(head).otherwise(rest), "/")
    wanted = pl.element().filter((pl.element() != "") & ~pl.element().str.contains(_TRACKING))
    kept = query.str.split("&").list.eval(wanted).list.sort().list.join("&").fill_null("")
    nothing = pl.lit("")
    return pl.concat_str(
        pl.when(schemeless).then(nothing).otherwise(scheme.str.to_lowercase()),
        pl.lit("://"),
        host.str.to_lowercase(),
        (pl.lit("/") + path.str.strip_chars_end("/")).fill_null(""),
        pl.when(kept != "").then(pl.lit("?") + kept).otherwise(nothing),
        pl.when(fragment.str.contains("^!?/")).then(pl.lit("#") + fragment).otherwise(nothing),
    )


def product_page(column: pl.Expr) -> pl.Expr:
    """The canonical address where it is that of a page, the same whoever gives it: null for a path without host and for
    the front page of a host."""
    address = canonical_url(column)
    return pl.when(address.str.contains(_PAGE)).then(address)


def _cut(text: pl.Expr, separator: str) -> tuple[pl.Expr, pl.Expr]:
    """What stands before and behind the first separator; the latter null where there is none."""
    parts = text.str.splitn(separator, 2)
    return parts.struct.field("field_0"), parts.struct.field("field_1")
