"""Offers of schema.org (Offer, AggregateOffer, PriceSpecification) → price, stock and seller of the page's own."""

from __future__ import annotations

from typing import Any

from m5tools.ingest.pages.claims import availability, condition
from m5tools.ingest.pages.money import currency_of
from m5tools.ingest.pages.scoped import Item
from m5tools.ingest.pages.values import every, one, plain_amount, text, types


def own_offer(offers: list[Item], address: str | None) -> dict[str, Any]:
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
    named = named_by(priced, address) if len(priced) > 1 else None
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


def named_by(items: list[Item], address: str | None) -> Item | None:
    """The variant or offer that the page's address names by address or number; None when not exactly one is."""
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
