"""What one piece of evidence says about a page's product: the shape that every kind of evidence gives."""

from __future__ import annotations

import re
from typing import Any, TypedDict


class Attribute(TypedDict):
    """One pair of a specification."""

    name: str
    value: str


class Claims(TypedDict, total=False):
    """Fields of a product as one piece of evidence gives them; what it does not say is not there.

    `price` is a plain decimal number, `availability` and `condition` are names of schema.org's ItemAvailability and
    OfferItemCondition, `gtin` has the right check digit.
    """

    url: str
    name: str
    description: str
    brand: str
    sku: str
    mpn: str
    gtin: str
    price: str
    currency: str
    availability: str
    condition: str
    seller: str
    category: list[str]
    images: list[str]
    videos: list[str]
    attributes: list[Attribute]
    group_id: str
    variants: int
    rating: str
    reviews: str


_AVAILABILITY = {
    name.lower(): name
    for name in (
        "InStock", "OutOfStock", "SoldOut", "PreOrder", "BackOrder", "PreSale", "Discontinued", "LimitedAvailability",
        "OnlineOnly", "InStoreOnly", "MadeToOrder", "Reserved",
    )
} | {
    "available": "InStock", "instock": "InStock", "true": "InStock", "yes": "InStock", "availablefororder": "InStock",
    "oos": "OutOfStock", "unavailable": "OutOfStock", "notavailable": "OutOfStock", "false": "OutOfStock",
    "no": "OutOfStock", "pending": "PreOrder",
}  # fmt: skip
_CONDITION = {
    "new": "NewCondition",
    "used": "UsedCondition",
    "refurbished": "RefurbishedCondition",
    "damaged": "DamagedCondition",
}
_NO_IDENTIFIER = {"", "n/a", "na", "none", "null", "undefined", "false", "true", "0", "-", "nan"}


def availability(value: Any) -> str | None:
    """`https://schema.org/InStock`, `in stock`, `In_Stock`, `instock` → `InStock`."""
    if isinstance(value, bool):
        return "InStock" if value else "OutOfStock"
    if not isinstance(value, str):
        return None
    tail = re.split(r"[/#]", value.strip().rstrip("/"))[-1]
    return _AVAILABILITY.get(re.sub(r"[^a-z]", "", tail.lower()))


def condition(value: Any) -> str | None:
    """`http://schema.org/NewCondition`, `new` → `NewCondition`."""
    if not isinstance(value, str):
        return None
    tail = re.split(r"[/#:]", value.strip().rstrip("/"))[-1].lower().removesuffix("condition").strip(" _-")
    return _CONDITION.get(tail)


def identifier(value: Any) -> str | None:
    """A shop's identifier as text; None for what shops write when they have none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else " ".join(str(value).split())
    return text if text.lower() not in _NO_IDENTIFIER and len(text) <= 80 else None
