"""One saved page → the record of its own product.

Every kind of evidence makes its claims; per field the most trusted kind that says anything wins, and the record keeps
which one that was. Trust: what shops publish for machines (JSON-LD, microdata, RDFa, Open Graph) before what they hand
to their own scripts, before what stands beside a label, before what merely looks like it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any, Final

from m5tools.ingest.normalize.money import currency_of, money
from m5tools.ingest.pages import (
    json_ld,
    labelled,
    microdata,
    open_graph,
    rdfa,
    schema_org,
    specification,
    state,
    stock,
    words,
)
from m5tools.ingest.pages.claims import Attribute, Claims
from m5tools.ingest.pages.document import Document, likeness
from m5tools.ingest.pages.layout import Layout
from m5tools.ingest.pages.scoped import Item
from m5tools.ingest.pages.visible_price import Candidate, currency_around, visible_price

Record = dict[str, Any]
ALIKE = 0.6
A_LISTING = 6
TRUST: Final = ("json_ld", "microdata", "rdfa", "open_graph", "state", "label", "visible", "address")
_MERGED = ("name", "description", "brand", "sku", "mpn", "gtin", "price", "currency", "availability", "condition", "seller",
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
    claims["label"] = labelled.read(document, layout, pairs)
    seen = None if any("price" in c for c in claims.values()) else visible_price(document, layout)
    if not is_product and not _sells(claims, seen, document, layout, listed):
        return None
    if seen is not None:
        claims["visible"] = _visible(seen)
    return _merge(document, layout, claims, items, pairs, seen)


def own(products: list[Item], document: Document) -> Item | None:
    """Of all products marked up on a page its own: the only one, or the one that bears the page's title or address.

    Of several that fit, the one that says most; a listing, where none fits, has none.
    """
    best: tuple[float, Item] | None = None
    named = [(p, schema_org.text(schema_org.one(p, "name", "title")) or "") for p in products]
    named = [(p, name) for p, name in named if name or "offers" in p]
    for product, name in named:
        alike = max((likeness(name, title) for title in document.titles[:3]), default=0.0) if name else 0.0
        address = schema_org.text(schema_org.one(product, "url", "@id")) or ""
        at_home = bool(document.canonical) and address.rstrip("/") == (document.canonical or "").rstrip("/")
        if len(named) > 1 and alike < ALIKE and not at_home:
            continue
        score = alike + at_home + 0.1 * ("offers" in product) + 0.01 * min(len(product), 20)
        if best is None or score > best[0]:
            best = (score, product)
    return best[1] if best else None


def _sells(claims: dict[str, Claims], seen: Candidate | None, document: Document, layout: Layout, listed: int) -> bool:
    """Whether a page without product markup of its own offers one product all the same.

    It asks a price and is a product's page by its form, or it bears a shop's code and says that it is sold out. A page
    that marks up several products, none of them its own, or shows many prices alike is a listing.
    """
    stated, coded = claims["state"], "sku" in claims["label"] or "gtin" in claims["label"]
    described = {"name", "sku"} <= stated.keys() or {"name", "price"} <= stated.keys()
    if "price" in stated or seen is not None:
        if listed > 1 or (seen is not None and seen.rivals >= A_LISTING):
            return described or coded
        return described or coded or bool(layout.buy_buttons) or _shaped_like_a_product(document)
    return (coded or described) and stock.read(document, layout, None) == ("OutOfStock", "stock_words")


def _shaped_like_a_product(document: Document) -> bool:
    """Whether the page's own names say product: its address, or the class of its body."""
    body = document.tree.body
    called = " ".join(v for k in ("class", "id") if body is not None and (v := body.attributes.get(k)))
    return bool(words.PRODUCT_PATH.search(document.addresses) or words.PRODUCT_BODY.search(called))


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
    _sku(document, claims, fields, evidence)
    for kind in ("json_ld", "microdata", "rdfa"):
        if path := schema_org.breadcrumbs(items[kind]):
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
    if len(set(said.values())) < 2 or _shown(document, fields["price"]):
        return
    for kind, price in said.items():
        if _shown(document, price):
            fields["price"], evidence["price"] = price, kind
            if (currency := claims[kind].get("currency")) is not None:
                fields["currency"], evidence["currency"] = currency, kind
            return


def _sku(document: Document, claims: dict[str, Claims], fields: Record, evidence: dict[str, str]) -> None:
    """The first code that the page's address or text bears out; markup often holds keys of the shop's database instead."""
    said = {kind: code for kind in TRUST if (code := claims.get(kind, {}).get("sku"))}
    if (number := _number_in_address(document)) is not None:
        said.setdefault("address", number)
    kind = max(said, key=lambda k: (_borne_out(document, said[k]), -TRUST.index(k)), default=None)
    if kind is not None:
        fields["sku"], evidence["sku"] = said[kind], kind


def _borne_out(document: Document, code: str) -> bool:
    """Whether the address names a code, however punctuated, or the page shows it."""
    bare = re.sub(r"[\W_]", "", code.casefold())
    return (len(bare) >= 4 and bare in re.sub(r"[.\-_+]", "", document.addresses.casefold())) or _appears(document, code)


def _appears(document: Document, code: str) -> bool:
    bounded = re.compile(rf"(?<![a-zA-Z0-9]){re.escape(code)}(?![a-zA-Z0-9])", re.IGNORECASE)
    return any(bounded.search(p.text) for p in document.pieces)


def _shown(document: Document, price: str) -> bool:
    wanted = Decimal(price)
    return any(
        (m := money(document.pieces[place].text)) is not None and m.amount == wanted
        for place in _places_of(document, price)
    )


def _attributes(claims: dict[str, Claims], pairs: list[Attribute]) -> list[Attribute]:
    """The pairs of the first markup that has any, then those of the specification that it does not name."""
    given = next((a for kind in TRUST if (a := claims.get(kind, {}).get("attributes"))), [])
    named = {a["name"].casefold() for a in given}
    return [*given, *(a for a in pairs if a["name"].casefold() not in named)]


def _currency(document: Document, fields: Record, evidence: dict[str, str], seen: Candidate | None) -> None:
    """A price without its own currency takes the one named beside an equal amount on the page."""
    if "currency" in fields:
        return
    places = [seen.place] if seen is not None else _places_of(document, fields["price"])
    code = currency_around(document, places) or currency_of(document.said("currency", "pricecurrency") or "")
    if code:
        fields["currency"], evidence["currency"] = code, "visible"


def _places_of(document: Document, amount: str) -> list[int]:
    whole = amount.split(".")[0]
    return [p.place for p in document.pieces if len(p.text) < 40 and whole in re.sub(r"[^\d]", "", p.text)][:20]


_NUMBER = re.compile(r"(?<![a-zA-Z0-9])[a-zA-Z]{0,3}\d[a-zA-Z0-9]{3,19}(?![a-zA-Z0-9])")
_LAST_DIGITS = re.compile(r"\d{5,}$")


def _number_in_address(document: Document) -> str | None:
    """The last number of the address, where the page itself holds it too: shops name their pages by it."""
    for address in (document.canonical, document.address):
        path = re.sub(r"^\w+://[^/]+", "", address or "").split("#")[0]
        for word in reversed(_NUMBER.findall(path)):
            for number in (word, *_LAST_DIGITS.findall(word)):
                if sum(c.isdigit() for c in number) >= 4 and _held(document, number):
                    return str(number)
    return None


def _held(document: Document, number: str) -> bool:
    """Whether a page shows a number, or its forms and hooks for scripts carry it."""
    if _appears(document, number):
        return True
    quoted = number.replace("\\", "").replace('"', "")
    return document.tree.css_first(",".join(f'[{a}="{quoted}"]' for a in _HOOKS)) is not None


_HOOKS = ("value", "data-id", "data-product-id", "data-productid", "data-sku", "data-product", "data-item-id", "id")
