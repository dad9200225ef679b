"""Items of schema.org, from whichever syntax → claims: Product, ProductGroup, Offer, AggregateOffer, BreadcrumbList.

Terms: https://schema.org/Product, /Offer, /ProductGroup. Shops put strings where objects belong, one where a list
belongs and the reverse; every access goes through `every`, `one` and `text`, which do not mind.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from m5tools.ingest.normalize.identifiers import gtin_of
from m5tools.ingest.normalize.money import currency_of, money
from m5tools.ingest.pages.claims import Attribute, Claims, availability, condition, identifier
from m5tools.ingest.pages.scoped import Item, short_name

PRODUCTS = frozenset(
    "Product ProductGroup ProductModel IndividualProduct SomeProducts Vehicle Car Book Movie MusicAlbum VideoGame "
    "SoftwareApplication MobileApplication".split()
)
# Items that are products only when they are offered for sale.
_SPELLED = {n.lower(): n for n in (*PRODUCTS, "AggregateOffer", "BreadcrumbList", "VideoObject")}
_ALSO_WORKS = frozenset("Book Movie MusicAlbum VideoGame SoftwareApplication MobileApplication".split())
_DEEPEST = 12
MOST = 10**12
_GTINS = ("gtin13", "gtin14", "gtin12", "gtin8", "gtin", "isbn", "ean", "upc", "barcode")
_OTHERS = frozenset(
    "isRelatedTo isSimilarTo isAccessoryOrSparePartFor isConsumableFor review reviews itemReviewed hasVariant "
    "isVariantOf offers".split()
)


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
        named = _named(variants, address)
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
        "gtin": _gtin(product),
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
    said |= {k: v for k, v in _offer(offers, address).items() if v is not None or k not in said}
    if said["sku"] is None:
        said["sku"] = next((s for o in offers if (s := identifier(text(one(o, "sku"))))), None)
    said["gtin"] = said["gtin"] or next((g for o in offers if (g := _gtin(o))), None)
    said["mpn"] = said["mpn"] or next((m for o in offers if (m := identifier(text(one(o, "mpn"))))), None)
    return {k: v for k, v in said.items() if v not in (None, "", [])}  # type: ignore[return-value]


def _offer(offers: list[Item], address: str | None) -> dict[str, Any]:
    """Price, currency, availability, condition and seller of the page's own offer."""
    flat: list[Item] = []
    around: Item = {}
    for offer in offers:
        inner = [o for o in every(offer, "offers") if isinstance(o, dict)]
        if "AggregateOffer" in types(offer) or inner:
            around = around or offer
            flat += inner
        else:
            flat.append(offer)
    if not flat and not around:
        return {}
    priced = [o for o in flat if _price(o)[0] is not None]
    named = _named(priced, address) if len(priced) > 1 else None
    in_stock = [o for o in priced if availability(text(one(o, "availability"))) == "InStock"]
    mine = named or next(iter(in_stock or priced or flat), around)
    amount, code = _price(mine)
    if named is None and around:
        # "from 20": what the shop itself calls the lowest price is what the page asks.
        lowest, lowest_code = _price(around)
        amount, code = (lowest, lowest_code or code) if lowest is not None else (amount, code or lowest_code)
    stock = [s for o in ([named] if named else [*flat, around]) if (s := availability(text(one(o, "availability"))))]
    seller = one(mine, "seller", "offeredBy")
    return {
        "price": amount,
        "currency": code,
        "availability": "InStock" if "InStock" in stock else next(iter(stock), None),
        "condition": condition(text(one(mine, "itemCondition"))),
        "seller": text(seller),
    }


_LISTED = ("listprice", "strikethroughprice", "msrp", "srp", "regularprice")


def _price(offer: Item) -> tuple[str | None, str | None]:
    """The amount as a plain number and the currency of an offer."""
    code = currency_of(text(one(offer, "priceCurrency", "currency")) or "")
    values = [one(offer, "price"), one(offer, "lowPrice")]
    for specification in every(offer, "priceSpecification"):
        if isinstance(specification, dict):
            kind = (text(one(specification, "priceType")) or "").lower()
            if not kind.endswith(_LISTED):
                values += [one(specification, "price"), one(specification, "minPrice")]
                code = code or currency_of(text(one(specification, "priceCurrency")) or "")
    for value in values:
        amount, sign = plain_amount(value, code)
        if amount is not None:
            return amount, code or sign
    return None, code


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


def _named(items: list[Item], address: str | None) -> Item | None:
    """The variant or offer that the page's address names by its own address or number; None when not exactly one does."""
    if not address or not items:
        return None
    for test in (_same_address, _number_in_address):
        fitting = [item for item in items if test(item, address)]
        if len(fitting) == 1:
            return fitting[0]
    return None


def _same_address(item: Item, address: str) -> bool:
    given = text(one(item, "url", "@id")) or ""
    return len(given) > 1 and address.split("#")[0].endswith(given.split("://")[-1].split("#")[0])


def _number_in_address(item: Item, address: str) -> bool:
    given = text(one(item, "sku")) or ""
    return len(given) >= 4 and given.lower() in address.lower()


def _product_id(product: Item) -> str | None:
    """`productID`, which may say what it is: `mpn:123`, `isbn:…` (schema.org/productID)."""
    value = text(one(product, "productID", "productId", "identifier"))
    if value is None or value.lower().startswith(("isbn:", "gtin", "ean:", "upc:", "mpn:")):
        return None
    return value.removeprefix("sku:")


def _gtin(item: Item) -> str | None:
    values = [text(v) for name in _GTINS for v in every(item, name)] + [text(v) for v in every(item, "productID")]
    for value in values:
        digits = "".join((value or "").split(":")[-1].replace("-", "").split()).upper()
        if (found := gtin_of(digits)) is not None:
            return found
    return None


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


def breadcrumbs(items: list[Item]) -> list[str]:
    """The path of the page's first BreadcrumbList, in the order of `position`."""
    waiting: list[tuple[Any, int]] = [(item, 0) for item in reversed(items)]
    paths: list[list[str]] = []
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, list):
            waiting += [(v, depth) for v in reversed(value)]
        elif isinstance(value, dict) and depth < _DEEPEST:
            if "BreadcrumbList" in types(value):
                paths.append(_crumbs(value))
            elif "Breadcrumb" in types(value) and (title := text(one(value, "title"))):
                paths.append([title])
            else:
                waiting += [(v, depth + 1) for v in reversed(value.values()) if isinstance(v, dict | list)]
    long = max(paths, key=len, default=[])
    return long if len(long) > 1 else [p[0] for p in paths if p]


def _crumbs(crumbs: Item) -> list[str]:
    levels: list[tuple[float, str]] = []
    for place, level in enumerate(every(crumbs, "itemListElement")):
        if isinstance(level, dict):
            inner = one(level, "item")
            name = text(one(level, "name")) or (text(one(inner, "name")) if isinstance(inner, dict) else None)
            if name:
                given = text(one(level, "position")) or ""
                levels.append((float(given) if given.isdecimal() else place, name))
    return [name for _, name in sorted(levels, key=lambda level: level[0])]
