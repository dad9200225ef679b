"""Items of schema.org, from whichever syntax → claims: Product, ProductGroup and what hangs on them.

Terms: https://schema.org/Product, https://schema.org/ProductGroup.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from m5tools.ingest.pages.claims import Attribute, Claims, condition, identifier
from m5tools.ingest.pages.offers import named_by, own_offer
from m5tools.ingest.pages.scoped import Item
from m5tools.ingest.pages.values import PRODUCTS, every, gtin, one, text, types

_DEEPEST = 12

_ALSO_WORKS = frozenset(["Book", "Movie", "MusicAlbum", "VideoGame", "SoftwareApplication", "MobileApplication"])
_OTHERS = frozenset(
    [
        "isRelatedTo",
        "isSimilarTo",
        "isAccessoryOrSparePartFor",
        "isConsumableFor",
        "review",
        "reviews",
        "itemReviewed",
        "hasVariant",
        "isVariantOf",
        "offers",
    ]
)


def products(items: list[Item]) -> Iterator[Item]:
    """Items that describe a product, with the products nested in pages and lists but not those merely related."""
    waiting: list[tuple[Any, int]] = [(item, 0) for item in reversed(items)]
    seen: set[int] = set()
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, list):
            waiting += [(v, depth) for v in reversed(value)]
            continue
        if not isinstance(value, dict) or id(value) in seen or depth > _DEEPEST:
            continue
        seen.add(id(value))
        kinds = types(value)
        if kinds & PRODUCTS and (not kinds <= _ALSO_WORKS or "offers" in value):
            yield value
        waiting += [
            (v, depth + 1) for k, v in reversed(value.items()) if k not in _OTHERS and isinstance(v, dict | list)
        ]


def claims(product: Item, address: str | None) -> Claims:
    """What a product's item says.

    Args:
        product: the item.
        address: of the page; of several variants or offers the one it names is the page's own.
    """
    group = product if "ProductGroup" in types(product) else None
    variants = [v for v in every(product, "hasVariant") if isinstance(v, dict)]
    said = _own(product, address)
    if variants:
        said["variants"] = len(variants)
        named = named_by(variants, address)
        mine = _own(named if named is not None else variants[0], address)
        lacking = {k: v for k, v in mine.items() if k not in said or k in ("sku", "gtin", "mpn")}
        if named is None:  # no variant is the page's own: what only one of them is stays out
            lacking.pop("gtin", None)
        said.update(lacking)  # type: ignore[typeddict-item]
        if any(_own(v, address).get("availability") == "InStock" for v in variants) and named is None:
            said["availability"] = "InStock"
    parent = one(product, "isVariantOf")
    group_id = one(group or {}, "productGroupID") or one(product, "inProductGroupWithID")
    if group_id is None and isinstance(parent, dict):
        group_id = one(parent, "productGroupID", "sku")
    if (name := identifier(group_id)) is not None:
        said["group_id"] = name
    return said


def _own(product: Item, address: str | None) -> Claims:
    model = one(product, "model")
    said: dict[str, Any] = {
        "name": text(one(product, "name", "title")),
        "description": text(one(product, "description")),
        "brand": text(one(product, "brand", "manufacturer")),
        "sku": identifier(text(one(product, "sku"))) or identifier(_product_id(product)),
        "mpn": identifier(text(one(product, "mpn")))
        or (identifier(text(one(model, "mpn"))) if isinstance(model, dict) else None),
        "gtin": gtin(product),
        "url": text(one(product, "url", "@id")),
        "category": _path(every(product, "category")),
        "images": _media(every(product, "image", "images", "photo"), ("contentUrl", "url", "@id", "image")),
        "videos": _media([*every(product, "video"), *_videos(product)], ("contentUrl", "embedUrl", "url")),
        "attributes": list(_attributes(product)),
        "condition": condition(text(one(product, "itemCondition"))),
    }
    rating = one(product, "aggregateRating")
    if isinstance(rating, dict):
        said["rating"] = text(one(rating, "ratingValue"))
        said["reviews"] = text(one(rating, "reviewCount", "ratingCount"))
    offers = [o for o in every(product, "offers", "offer") if isinstance(o, dict)]
    said |= {k: v for k, v in own_offer(offers, address).items() if v is not None or k not in said}
    if said["sku"] is None:
        said["sku"] = next((s for o in offers if (s := identifier(text(one(o, "sku"))))), None)
    said["gtin"] = said["gtin"] or next((g for o in offers if (g := gtin(o))), None)
    said["mpn"] = said["mpn"] or next((m for o in offers if (m := identifier(text(one(o, "mpn"))))), None)
    return {k: v for k, v in said.items() if v not in (None, "", [])}  # type: ignore[return-value]


def _product_id(product: Item) -> str | None:
    """`productID`, which may say what it is: `mpn:123`, `isbn:…` (schema.org/productID)."""
    value = text(one(product, "productID", "productId", "identifier"))
    if value is None or value.lower().startswith(("isbn:", "gtin", "ean:", "upc:", "mpn:")):
        return None
    return value.removeprefix("sku:")


def _path(values: list[Any]) -> list[str]:
    names = [n for v in values if (n := text(v)) and "://" not in n]
    if len(names) == 1:
        for separator in (" > ", " › ", " » ", ">", " / ", "/"):
            if separator in names[0]:
                return [level.strip() for level in names[0].split(separator) if level.strip()]
    return names


def _media(values: list[Any], keys: tuple[str, ...]) -> list[str]:
    found: list[str] = []
    for value in values:
        if isinstance(value, dict):
            value = one(value, *keys)
        if isinstance(value, str) and value.strip() and not value.startswith("data:"):
            found.append(value.strip())
    return list(dict.fromkeys(found))


def _videos(product: Item) -> list[Any]:
    return [v for v in every(product, "subjectOf") if isinstance(v, dict) and "VideoObject" in types(v)]


_FACTS = ("color", "size", "material", "pattern", "weight", "width", "height", "depth", "productionDate", "releaseDate")


def _attributes(product: Item) -> Iterator[Attribute]:
    for pair in every(product, "additionalProperty"):
        if isinstance(pair, dict):
            name = text(one(pair, "name", "propertyID"))
            values = [v for x in every(pair, "value") if (v := text(x))]
            unit = text(one(pair, "unitText"))
            if name and values:
                yield {"name": name, "value": ", ".join(values) + (f" {unit}" if unit else "")}
    for name in _FACTS:
        value = one(product, name)
        unit = text(one(value, "unitText")) if isinstance(value, dict) else None
        if (content := text(value if not isinstance(value, dict) else one(value, "value", "name"))) is not None:
            yield {"name": name, "value": content + (f" {unit}" if unit else "")}
