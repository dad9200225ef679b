"""Metas for social networks: the Open Graph protocol, its product extension, Twitter's product card."""

from __future__ import annotations

from typing import Any

from m5tools.ingest.normalize.identifiers import gtin_of
from m5tools.ingest.pages.claims import Claims, availability, condition, identifier
from m5tools.ingest.pages.document import Document
from m5tools.ingest.pages.money import currency_of, money
from m5tools.ingest.pages.values import plain_amount


def is_product(document: Document) -> bool:
    """Whether the metas say that the page is about one product."""
    kind = (document.said("og:type") or "").lower()
    return "product" in kind.split(".")[-1].split(":")[-1] or any(n.startswith("product:price") for n in document.meta)


def read(document: Document) -> Claims:
    """What the metas say of the page's product."""
    said = document.said
    code = currency_of(said("product:sale_price:currency", "product:price:currency", "og:price:currency") or "")
    amount, sign = plain_amount(said("product:sale_price:amount", "product:price:amount", "og:price:amount"), code)
    claims: dict[str, Any] = {
        "url": said("og:url"),
        "name": said("og:title", "twitter:title"),
        "description": said("og:description", "description", "twitter:description"),
        "brand": said("product:brand", "og:brand"),
        "sku": identifier(said("product:retailer_item_id", "product:sku", "og:sku", "product:retailer_part_no")),
        "mpn": identifier(said("product:mfr_part_no")),
        "gtin": _gtin(
            said("product:ean", "product:gtin", "product:upc", "product:isbn", "og:isbn", "og:upc", "og:ean")
        ),
        "price": amount,
        "currency": code or sign,
        "availability": availability(said("product:availability", "og:availability")),
        "condition": condition(said("product:condition", "og:condition")),
        "group_id": identifier(said("product:item_group_id")),
        "images": list(dict.fromkeys(document.meta.get("og:image") or document.meta.get("og:image:secure_url", []))),
        "videos": list(dict.fromkeys(document.meta.get("og:video", []) or document.meta.get("og:video:url", []))),
        "category": _path(said("product:category")),
    }
    claims |= {k: v for k, v in _card(document).items() if not claims.get(k)}
    return {k: v for k, v in claims.items() if v not in (None, "", [])}  # type: ignore[return-value]


def _card(document: Document) -> dict[str, Any]:
    """Twitter's product card: pairs of `twitter:label1` and `twitter:data1`."""
    found: dict[str, Any] = {}
    for number in ("1", "2"):
        label = (document.said(f"twitter:label{number}") or "").lower()
        value = document.said(f"twitter:data{number}") or ""
        if "avail" in label and (stock := availability(value)):
            found["availability"] = stock
        elif "brand" in label:
            found["brand"] = value
        elif (asked := money(value)) is not None and asked.currency and asked.amount > 0:
            found |= {"price": f"{asked.amount.normalize():f}", "currency": asked.currency}
    return found


def _gtin(value: str | None) -> str | None:
    return gtin_of("".join((value or "").replace("-", "").split()))


def _path(value: str | None) -> list[str]:
    return [level.strip() for level in (value or "").split(">") if level.strip() and not level.strip().isdigit()]
