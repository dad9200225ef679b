"""Reading loosely shaped items: shops put strings where objects belong, one where a list belongs, and the reverse."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from m5tools.ingest.normalize.identifiers import gtin_of
from m5tools.ingest.pages.money import money
from m5tools.ingest.pages.scoped import Item, short_name

PRODUCTS = frozenset(
    [
        "Product", "ProductGroup", "ProductModel", "IndividualProduct", "SomeProducts", "Vehicle", "Car", "Book",
        "Movie", "MusicAlbum", "VideoGame", "SoftwareApplication", "MobileApplication",
    ]
)  # fmt: skip
# Items that are products only when they are offered for sale.
_SPELLED = {n.lower(): n for n in (*PRODUCTS, "AggregateOffer", "BreadcrumbList", "VideoObject")}
_DEEPEST = 12
MOST = 10**12
_GTINS = ("gtin13", "gtin14", "gtin12", "gtin8", "gtin", "isbn", "ean", "upc", "barcode")


def every(item: Item, *names: str) -> list[Any]:
    """All values of the first of some properties that has any."""
    for name in names:
        value = item.get(name)
        if value is None:
            value = item.get(f"schema:{name}")
        if value is not None and value != "" and value != []:
            return value if isinstance(value, list) else [value]
    return []


def one(item: Item, *names: str) -> Any:
    """The first value, or None."""
    return next((v for v in every(item, *names) if v not in (None, "")), None)


def text(value: Any) -> str | None:
    """A value as text: of an object its name or value, of a list the first."""
    for _ in range(_DEEPEST):
        if isinstance(value, dict):
            value = next(
                (v for key in ("name", "@value", "value", "url", "@id") if (v := value.get(key)) not in (None, "")),
                None,
            )
        elif isinstance(value, list):
            value = value[0] if value else None
        else:
            break
    if isinstance(value, bool) or value is None or isinstance(value, dict | list):
        return None
    return " ".join(str(value).split()) or None


def types(item: Item) -> set[str]:
    """Short names of an item's types."""
    return {
        _SPELLED.get(n.lower(), n) for t in every(item, "@type", "type") if isinstance(t, str) and (n := short_name(t))
    }


def plain_amount(value: Any, code: str | None = None) -> tuple[str | None, str | None]:
    """A price in machine-readable data → a plain number (none for zero: "price on request") and the sign in it."""
    if isinstance(value, bool):
        return None, None
    if isinstance(value, int | float):
        amount, sign = Decimal(str(value)), None
    else:
        found = money(f"{text(value) or ''} {code or ''}")
        if found is None:
            return None, None
        amount, sign = found
    return (f"{amount.normalize():f}" if amount.is_finite() and 0 < amount < MOST else None), sign


def gtin(item: Item) -> str | None:
    values = [text(v) for name in _GTINS for v in every(item, name)] + [text(v) for v in every(item, "productID")]
    for value in values:
        digits = "".join((value or "").split(":")[-1].replace("-", "").split()).upper()
        if (found := gtin_of(digits)) is not None:
            return found
    return None
