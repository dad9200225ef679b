"""The state that shops hand to their own scripts: data layers, `__NEXT_DATA__`, `window.x = {…}`, JSON in attributes.

No shop's layout is known here. Every object in every literal is looked at; one is the page's product when it bears the
page's own title, or a number that the page's address names, and says something a product says. Of several such objects
the surest and richest speaks first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from m5tools.ingest.normalize.identifiers import gtin_of
from m5tools.ingest.pages.claims import Claims, availability, identifier
from m5tools.ingest.pages.document import Document, likeness
from m5tools.ingest.pages.literals import literals
from m5tools.ingest.pages.money import currency_of
from m5tools.ingest.pages.values import plain_amount

MOST_OBJECTS = 200_000
_NAMES = (
    "name",
    "title",
    "productname",
    "itemname",
    "displayname",
    "producttitle",
    "shortname",
    "fullname",
    "productdisplayname",
)
_PRICES = (
    "saleprice", "finalprice", "currentprice", "specialprice", "discountedprice", "offerprice", "sellingprice",
    "pricenow", "nowprice", "actualprice", "buyprice", "price", "productprice", "unitprice", "priceamount",
    "pricevalue", "pricewithtax", "lowprice", "minprice", "prices", "pricing",
)  # fmt: skip
_AMOUNTS = (
    "value", "amount", "now", "current", "currentprice", "sale", "final", "price", "saleprice", "finalprice",
    "sellingprice", "numeric", "raw", "centamount",
)  # fmt: skip
_SKUS = (
    "sku", "productsku", "skuid", "articlenumber", "itemnumber", "productcode", "itemno", "articleno", "partnumber",
    "productnumber", "productid", "itemid", "id", "code", "articleid", "item", "offerid", "listingid", "adid",
)  # fmt: skip
_MPNS = ("mpn", "manufacturerpartnumber", "modelnumber", "manufacturernumber", "partno", "mfrpartnumber", "model")
_GTINS = ("gtin13", "gtin", "ean", "ean13", "upc", "barcode", "gtin12", "gtin14", "isbn")
_BRANDS = ("brand", "brandname", "itembrand", "manufacturer", "productbrand", "manufacturername")
_STOCKS = (
    "availability",
    "availabilitystatus",
    "stockstatus",
    "instock",
    "isinstock",
    "available",
    "isavailable",
    "soldout",
    "issoldout",
    "outofstock",
    "stock",
)
_CURRENCIES = ("currency", "pricecurrency", "currencycode", "currencyiso")


def read(document: Document) -> Claims:
    """What the embedded state says of the page's product; empty when no object is surely about it."""
    titles = [t for t in document.titles[:3] if len(t) > 5]
    addresses = document.addresses.lower()
    best: list[tuple[float, int, Claims]] = []
    for place, one in enumerate(_objects(document)):
        said = _claims(one)
        strength = _about(said, titles, addresses)
        if strength > 0 and len(said) >= 2:
            best.append((strength + 0.15 * len(said), -place, said))
    merged: dict[str, Any] = {}
    for _, _, said in sorted(best, key=lambda b: b[:2], reverse=True)[:5]:
        for key, value in said.items():
            merged.setdefault(key, value)
    return merged  # type: ignore[return-value]


def _about(said: Claims, titles: list[str], addresses: str) -> float:
    """How surely an object is about the page's product; 0 = not."""
    name = said.get("name", "")
    named = (
        max((likeness(name, t) * min(len(name), len(t)) / max(len(name), len(t), 1) for t in titles), default=0.0)
        if name
        else 0.0
    )
    code = said.get("sku", "").lower()
    addressed = (
        len(code) >= 5
        and code in addresses
        and any(c.isdigit() for c in code)
        and re.search(rf"(?<![a-z0-9]){re.escape(code)}(?![0-9])", addresses)
    )
    if named < 0.6 and not addressed:
        return 0.0
    return named + (1.0 if addressed else 0.0)


def _objects(document: Document) -> Iterator[dict[str, Any]]:
    waiting: list[tuple[Any, int]] = [(value, 0) for value in literals(document)][::-1]
    looked_at = 0
    while waiting and looked_at < MOST_OBJECTS:
        value, depth = waiting.pop()
        looked_at += 1
        if isinstance(value, dict):
            yield value
            children: list[Any] = list(value.values())
        elif isinstance(value, list):
            children = value
        else:
            continue
        if depth < 40:
            waiting += [(v, depth + 1) for v in reversed(children) if isinstance(v, dict | list)]


def _claims(one: dict[str, Any]) -> Claims:
    """What an object says in the keys that products usually have."""
    if not any(isinstance(v, str | int) for v in one.values()):
        return {}
    keys = {_plain(k): v for k, v in one.items() if len(k) < 40}
    said: dict[str, Any] = {}
    name = next((v for k in _NAMES if isinstance(v := keys.get(k), str) and 3 < len(v) < 300), None)
    if name:
        said["name"] = " ".join(name.split())
    if not name and not any(k in keys for k in _SKUS):
        return {}
    code = next((c for k in _SKUS if (c := identifier(keys.get(k))) and len(c) >= 3), None)
    if code:
        said["sku"] = code
    amount, sign = _amount(keys, 0)
    if amount:
        said["price"] = amount
    currency = (
        next((c for k in _CURRENCIES if isinstance(v := keys.get(k), str) and (c := currency_of(v))), None) or sign
    )
    if currency:
        said["currency"] = currency
    for field, wanted in (("mpn", _MPNS), ("brand", _BRANDS)):
        for key in wanted:
            value = keys.get(key)
            if isinstance(value, dict):
                value = value.get("name") or value.get("label")
            if (text := identifier(value)) is not None and not isinstance(value, int | float):
                said[field] = text
                break
    gtin = next((g for k in _GTINS if (g := gtin_of(str(keys.get(k) or "").strip()))), None)
    if gtin:
        said["gtin"] = gtin
    stock = _stock(keys)
    if stock:
        said["availability"] = stock
    return said  # type: ignore[return-value]


@lru_cache(10_000)
def _plain(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


def _amount(keys: dict[str, Any], depth: int) -> tuple[str | None, str | None]:
    for key in _PRICES if depth == 0 else _AMOUNTS:
        value = keys.get(key)
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            if depth < 3:
                inner = {_plain(k): v for k, v in value.items() if isinstance(k, str)}
                amount, sign = _amount(inner, depth + 1)
                if amount:
                    return amount, sign or next(
                        (c for k in _CURRENCIES if isinstance(v := inner.get(k), str) and (c := currency_of(v))), None
                    )
        elif isinstance(value, str | int | float) and not isinstance(value, bool) and len(str(value)) < 30:
            amount, sign = plain_amount(value)
            if amount:
                return amount, sign
    return None, None


def _stock(keys: dict[str, Any]) -> str | None:
    for key in _STOCKS:
        value = keys.get(key)
        if isinstance(value, bool):
            return "InStock" if value != (key in ("soldout", "issoldout", "outofstock")) else "OutOfStock"
        if isinstance(value, dict):
            value = value.get("status") or value.get("value")
        if key == "stock" and isinstance(value, int | float):
            return "InStock" if value > 0 else "OutOfStock"
        if (said := availability(value)) is not None:
            return said
    return None
