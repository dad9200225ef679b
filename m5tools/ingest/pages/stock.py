"""Whether the product can be had, by what the page says around its heading, price and buy button."""

from __future__ import annotations

from m5tools.ingest.pages import words
from m5tools.ingest.pages.document import Document, Piece
from m5tools.ingest.pages.layout import Layout, hidden

LONGEST = 140
LONGEST_PROMISE = 60
BEFORE, AFTER = 15, 90


def read(document: Document, layout: Layout, price_place: int | None) -> tuple[str, str] | None:
    """(availability, what says so), or None where nothing does.

    Words of being sold out count before a buy button does: shops leave the button and disable it.
    """
    near = [p for p in _near(document, layout, price_place) if len(p.text) <= LONGEST]
    sold_out = next((p for p in near if words.OUT_OF_STOCK.search(p.text) and not hidden(p.node)), None)
    in_stock = next(
        (
            p
            for p in near
            if len(p.text) <= LONGEST_PROMISE
            and words.IN_STOCK.search(p.text)
            and not words.OUT_OF_STOCK.search(p.text)
            and not hidden(p.node)
        ),
        None,
    )
    if sold_out is not None and (in_stock is None or sold_out.place < in_stock.place) and not _choice(sold_out):
        return "OutOfStock", "stock_words"
    if in_stock is not None:
        return "InStock", "stock_words"
    if any("disabled" not in b.attributes for b in layout.buy_buttons):
        return "InStock", "buy_button"
    return None


def _near(document: Document, layout: Layout, price_place: int | None) -> list[Piece]:
    """Pieces around the heading, the price and the first buy button that follows the heading closely."""
    heading = document.heading_place
    buttons = [b for b in layout.buy_places if heading <= b < heading + 2 * AFTER][:1]
    anchors = [heading, *([price_place] if price_place is not None else []), *buttons]
    wanted = {place for a in anchors for place in range(a - BEFORE, a + AFTER)}
    return [p for p in document.pieces if p.place in wanted and not layout.elsewhere(p.node)]


def _choice(piece: Piece) -> bool:
    """One size that is sold out does not sell out the product."""
    return piece.node.tag in ("option", "label", "li") or len(piece.text.split()) > 16
