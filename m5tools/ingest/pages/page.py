"""One saved page → the record of its own product.

Every kind of evidence makes its claims; per field the most trusted kind that says anything wins, and the record keeps
which one that was. Trust: what shops publish for machines (JSON-LD, microdata, RDFa, Open Graph) before what they hand
to their own scripts, before what stands beside a label, before what merely looks like it.
"""

from __future__ import annotations

from typing import Any, Final

from m5tools.ingest.pages import (
    json_ld,
    labelled,
    microdata,
    open_graph,
    rdfa,
    schema_org,
    shown,
    specification,
    state,
    stock,
)
from m5tools.ingest.pages.borne_out import borne_out, number_in_address, places_of, price_shown
from m5tools.ingest.pages.breadcrumbs import breadcrumbs
from m5tools.ingest.pages.choose import own, sells
from m5tools.ingest.pages.claims import Attribute, Claims
from m5tools.ingest.pages.document import Document
from m5tools.ingest.pages.layout import Layout
from m5tools.ingest.pages.money import currency_of
from m5tools.ingest.pages.scoped import Item
from m5tools.ingest.pages.visible_price import Candidate, currency_around, visible_price

Record = dict[str, Any]
TRUST: Final = ("json_ld", "microdata", "rdfa", "open_graph", "state", "label", "visible", "address")
_MERGED = ("name", "description", "brand", "sku", "mpn", "gtin", "price", "currency", "availability", "condition",
           "seller",
           "category", "images", "videos", "group_id", "variants", "rating", "reviews")  # fmt: skip


def record(document: Document) -> Record | None:
    """The record of the page's product; None when the page is about no single product."""
    layout = Layout(document)
    claims: dict[str, Claims] = {}
    items = {
        "json_ld": json_ld.read(document.linked_data),
        "microdata": microdata.read(document.tree),
        "rdfa": rdfa.read(document.tree),
    }
    listed = 0
    for kind, found in items.items():
        products = list(schema_org.products(found))
        mine = own(products, document)
        listed = max(listed, len(products))
        if mine is not None:
            claims[kind] = schema_org.claims(mine, document.addresses)
    structured = bool(claims)
    claims["open_graph"] = open_graph.read(document)
    is_product = structured or open_graph.is_product(document)
    claims["state"] = state.read(document)
    pairs = specification.read(document, layout)
    claims["visible"] = _shown(document, layout, claims)
    claims["label"] = labelled.read(document, layout, pairs)
    seen = None if any("price" in c for c in claims.values()) else visible_price(document, layout)
    if not is_product and not sells(claims, seen, document, layout, listed):
        return None
    if seen is not None:
        claims["visible"] |= _visible(seen)
    return _merge(document, layout, claims, items, pairs, seen)


def _shown(document: Document, layout: Layout, claims: dict[str, Claims]) -> Claims:
    """Media and description by their looks, where nothing better was said; a meta's one-line summary is no better."""
    said: Claims = {}
    if not any("images" in c for c in claims.values()) and (pictures := shown.images(document, layout)):
        said["images"] = pictures
    if not any("videos" in c for c in claims.values()) and (clips := shown.videos(document, layout)):
        said["videos"] = clips
    if not any("description" in c for kind, c in claims.items() if kind != "open_graph"):
        text = shown.description(document, layout)
        if text is not None and len(text) > len(claims["open_graph"].get("description", "")):
            said["description"] = text
            claims["open_graph"].pop("description", None)
    return said


def _visible(seen: Candidate) -> Claims:
    said: Claims = {"price": f"{seen.money.amount.normalize():f}"}
    if seen.money.currency:
        said["currency"] = seen.money.currency
    return said


def _merge(
    document: Document,
    layout: Layout,
    claims: dict[str, Claims],
    items: dict[str, list[Item]],
    pairs: list[Attribute],
    seen: Candidate | None,
) -> Record:
    fields: Record = {}
    evidence: dict[str, str] = {}
    for field in _MERGED:
        for kind in TRUST:
            value = claims.get(kind, {}).get(field)
            if value not in (None, "", []):
                fields[field], evidence[field] = value, kind
                break
    _prefer_shown_price(document, claims, fields, evidence)
    if "brand" in fields:
        fields["brand"] = labelled.brand_name(fields["brand"])
    heading = document.titles[0] if document.titles else None
    if heading and evidence.get("name", "open_graph") == "open_graph":
        fields["name"], evidence["name"] = heading, "visible"
    if "price" in fields and (evidence.get("currency") != evidence["price"]):
        _currency(document, fields, evidence, seen)
    if "availability" not in fields:
        found = stock.read(document, layout, seen.place if seen else None)
        if found is not None:
            fields["availability"], evidence["availability"] = found
        elif "price" in fields:
            # A page that asks a price and says nothing against it sells; the weakest evidence, and named so.
            fields["availability"], evidence["availability"] = "InStock", "price_asked"
    for field in ("sku", "mpn"):
        _code(field, document, claims, fields, evidence)
    for kind in ("json_ld", "microdata", "rdfa"):
        if path := breadcrumbs(items[kind]):
            fields["category"], evidence["category"] = path, f"{kind}_breadcrumb"
            break
    attributes = _attributes(claims, pairs)
    url = document.canonical or document.address or fields.get("url")
    for media in ("images", "videos"):
        if media in fields:
            fields[media] = [a for v in fields[media] if (a := document.resolved(v))]
    return {"url": url, **fields, "attributes": attributes, "language": document.language, "evidence": evidence}


def _prefer_shown_price(
    document: Document, claims: dict[str, Claims], fields: Record, evidence: dict[str, str]
) -> None:
    """Where kinds of evidence disagree on the price, one that the page shows beats one that it does not."""
    said = {kind: price for kind in TRUST if (price := claims.get(kind, {}).get("price"))}
    if len(set(said.values())) < 2 or price_shown(document, fields["price"]):
        return
    for kind, price in said.items():
        if price_shown(document, price):
            fields["price"], evidence["price"] = price, kind
            if (currency := claims[kind].get("currency")) is not None:
                fields["currency"], evidence["currency"] = currency, kind
            return


def _code(field: str, document: Document, claims: dict[str, Claims], fields: Record, evidence: dict[str, str]) -> None:
    """The first code that the page's address or text bears out; markup often holds a database's keys instead."""
    said: dict[str, str] = {kind: code for kind in TRUST if (code := claims.get(kind, {}).get(field))}  # type: ignore[misc]
    if field == "sku" and (number := number_in_address(document)) is not None:
        said.setdefault("address", number)
    kind = next((kind for kind, code in said.items() if borne_out(document, code)), next(iter(said), None))
    if kind is not None:
        fields[field], evidence[field] = said[kind], kind


def _attributes(claims: dict[str, Claims], pairs: list[Attribute]) -> list[Attribute]:
    """The pairs of the first markup that has any, then those of the specification that it does not name."""
    given = next((a for kind in TRUST if (a := claims.get(kind, {}).get("attributes"))), [])
    named = {a["name"].casefold() for a in given}
    return [*given, *(a for a in pairs if a["name"].casefold() not in named)]


def _currency(document: Document, fields: Record, evidence: dict[str, str], seen: Candidate | None) -> None:
    """A price without its own currency takes the one named beside an equal amount on the page."""
    if "currency" in fields:
        return
    places = [seen.place] if seen is not None else places_of(document, fields["price"])
    code = currency_around(document, places) or currency_of(document.said("currency", "pricecurrency") or "")
    if code:
        fields["currency"], evidence["currency"] = code, "visible"
