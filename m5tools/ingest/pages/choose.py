"""Which of several products on a page is the page's own, and whether a page without markup offers one at all."""

from __future__ import annotations

from m5tools.ingest.pages import stock, words
from m5tools.ingest.pages.claims import Claims
from m5tools.ingest.pages.document import Document, likeness
from m5tools.ingest.pages.layout import Layout
from m5tools.ingest.pages.scoped import Item
from m5tools.ingest.pages.values import one, text
from m5tools.ingest.pages.visible_price import Candidate

ALIKE = 0.6
A_LISTING = 6
PLAINLY_PRICED = 5.5


def own(products: list[Item], document: Document) -> Item | None:
    """Of all products marked up on a page its own: the only one, or the one that bears the page's title or address.

    Of several that fit, the one that says most; a listing, where none fits, has none.
    """
    best: tuple[float, Item] | None = None
    named = [(p, text(one(p, "name", "title")) or "") for p in products]
    named = [(p, name) for p, name in named if name or "offers" in p]
    for product, name in named:
        alike = max((likeness(name, title) for title in document.titles[:3]), default=0.0) if name else 0.0
        address = text(one(product, "url", "@id")) or ""
        at_home = bool(document.canonical) and address.rstrip("/") == (document.canonical or "").rstrip("/")
        if len(named) > 1 and alike < ALIKE and not at_home:
            continue
        score = alike + at_home + 0.1 * ("offers" in product) + 0.01 * min(len(product), 20)
        if best is None or score > best[0]:
            best = (score, product)
    return best[1] if best else None


def sells(claims: dict[str, Claims], seen: Candidate | None, document: Document, layout: Layout, listed: int) -> bool:
    """Whether a page without product markup of its own offers one product all the same.

    It asks a price and is a product's page by its form, or it bears a shop's code and can be bought from or says that
    it is sold out. A page that marks up several products, none of them its own, or shows many prices alike is a
    listing.
    """
    stated, coded = claims["state"], "sku" in claims["label"] or "gtin" in claims["label"]
    described = {"name", "sku"} <= stated.keys() or {"name", "price"} <= stated.keys()
    if "price" in stated or seen is not None:
        if listed > 1 or (seen is not None and seen.rivals >= A_LISTING):
            return described or coded
        plain = seen is not None and seen.weight >= PLAINLY_PRICED
        return described or coded or plain or bool(layout.buy_buttons) or _shaped_like_a_product(document)
    if not (coded or described):
        return False
    to_buy = bool(layout.buy_buttons) and _shaped_like_a_product(document)
    return to_buy or stock.read(document, layout, None) == ("OutOfStock", "stock_words")


def _shaped_like_a_product(document: Document) -> bool:
    """Whether the page's own names say product: its address, or the class of its body."""
    body = document.tree.body
    called = " ".join(v for k in ("class", "id") if body is not None and (v := body.attributes.get(k)))
    return bool(words.PRODUCT_PATH.search(document.addresses) or words.PRODUCT_BODY.search(called))
