"""The price a reader would point at, where no markup says it: near the heading and the buy button, called a price.

Every short text that holds an amount is weighed by what it looks like (a currency beside it, a class that says price),
by what speaks against it (struck through, "you save", per month, another product's tile) and by where it stands.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from selectolax.lexbor import LexborNode

from m5tools.ingest.pages import words
from m5tools.ingest.pages.document import Document, Piece, above
from m5tools.ingest.pages.layout import Layout, hidden, names, struck
from m5tools.ingest.pages.money import Money, currency_of, money
from m5tools.ingest.pages.select import select

MOST_CANDIDATES = 400
LONGEST = 48
ENOUGH = 3.0
NEARLY = 1.0
_DIGIT = re.compile(r"\d")
_CENTS = re.compile(r"\d\d")
_DATA_PRICES = (
    "data-price",
    "data-product-price",
    "data-price-amount",
    "data-sale-price",
    "data-current-price",
    "data-item-price",
)


class Candidate(NamedTuple):
    """An amount on the page and how much speaks for it.

    Attributes:
        money: the amount.
        weight: what speaks for it.
        place: of its piece in reading order.
        rivals: other amounts for which nearly as much speaks; many of them make a listing.
    """

    money: Money
    weight: float
    place: int
    rivals: int = 0


def visible_price(document: Document, layout: Layout) -> Candidate | None:
    """The likeliest price of the page's product, or None where nothing is likely enough."""
    found = candidates(document, layout)
    if not found:
        return None
    often: dict[object, int] = {}
    for candidate in found:
        often[candidate.money.amount] = often.get(candidate.money.amount, 0) + 1
    best = max(found, key=lambda c: (c.weight + min(often[c.money.amount] - 1, 3) * 0.4, -c.place))
    if best.weight < ENOUGH:
        return None
    rivals = {c.money.amount for c in found if c.weight >= best.weight - NEARLY} - {best.money.amount}
    return best._replace(rivals=len(rivals))


def candidates(document: Document, layout: Layout) -> list[Candidate]:
    """Every amount that may be a price."""
    found: list[Candidate] = []
    seen: set[int] = set()
    too_large: set[int] = set()
    pieces = document.pieces
    for piece in pieces:
        if len(piece.text) > LONGEST or not _DIGIT.search(piece.text) or len(found) >= MOST_CANDIDATES:
            continue
        element = _whole_price(piece, too_large)
        if element.mem_id in seen:
            continue
        seen.add(element.mem_id)
        text = joined(element)
        asked = money(text)
        if asked is None or asked.amount <= 0:
            continue
        if asked.currency is None and (code := _mark_beside(pieces, piece.place)):
            asked = Money(asked.amount, code)
        called = any(words.PRICE_CLASS.search(names(n)) for n in [element, *above(element)])
        if asked.currency is None and not called:
            continue
        before = pieces[piece.place - 1].text[-LONGEST:] if piece.place else ""
        found.append(
            Candidate(asked, _weight(asked, called, element, text, before, piece.place, document, layout), piece.place)
        )
    for node in select(document.tree, ",".join(f"[{name}]" for name in _DATA_PRICES))[:50]:
        value = next((v for name in _DATA_PRICES if (v := node.attributes.get(name))), "")
        asked = money(value)
        if asked is not None and asked.amount > 0 and not layout.elsewhere(node) and layout.buy_buttons:
            found.append(Candidate(asked, 2.5, 0))
    return found


def _mark_beside(pieces: list[Piece], place: int) -> str | None:
    """The currency in the next piece or the one before, where that is nothing but a sign."""
    for beside in pieces[place + 1 : place + 2] + pieces[max(0, place - 1) : place]:
        if len(beside.text) <= 4 and not _DIGIT.search(beside.text) and (code := currency_of(beside.text)):
            return code
    return None


def _weight(
    asked: Money,
    called: bool,
    element: LexborNode,
    text: str,
    before: str,
    place: int,
    document: Document,
    layout: Layout,
) -> float:
    near = [element, *above(element)]
    weight = 2.0 * (asked.currency is not None) + 2.0 * called
    weight += 2.0 * any("price" in (n.attributes.get("itemprop") or "").lower() for n in near[:2])
    weight -= 5.0 * (struck(element) or any(words.OLD_CLASS.search(names(n)) for n in near[:3]))
    if words.NO_PRICE_OF_ITS_OWN.search(before) or words.NO_PRICE_OF_ITS_OWN.search(text):
        weight -= 3.0
    weight -= 6.0 * layout.elsewhere(element)
    weight -= 2.0 * hidden(element)
    distance = place - document.heading_place
    weight += max(0.0, 3.0 - distance / 25) if distance >= 0 else -1.0
    if layout.buy_places:
        weight += max(0.0, 2.0 - min(abs(place - b) for b in layout.buy_places) / 15)
    return weight


def _whole_price(piece: Piece, too_large: set[int]) -> LexborNode:
    """The largest element around a piece that still holds nothing but one price.

    Args:
        piece: holds an amount.
        too_large: elements known to hold more; they are shared by many pieces and not read again.
    """
    best = piece.node
    for node in above(piece.node, 3):
        if node.mem_id in too_large:
            break
        text = node.text(deep=True, separator=" ")
        if len(text) > 8 * LONGEST or len(" ".join(text.split())) > LONGEST or _amounts(joined(node)) > 1:
            too_large.add(node.mem_id)
            break
        if struck(piece.node) != struck(node):
            break
        best = node
    return best


def _amounts(text: str) -> int:
    return len(re.findall(r"\d[\d.,'’ \u00a0\u202f]*", text))


def joined(element: LexborNode) -> str:
    """An element's text, with the cents that stand in an element of their own put behind a point.

    `19<sup>50</sup>` → `19.50`; `<b>1 299</b> <i>00</i> Kč` → `1 299.00 Kč`.
    """
    parts = [
        t
        for t in (
            " ".join((n.text_content or "").split()) for n in element.traverse(include_text=True) if n.tag == "-text"
        )
        if t
    ]
    text = ""
    for part in parts:
        end = text[-4:]
        if _CENTS.fullmatch(part) and re.search(r"\d[.,]?$", end) and not re.search(r"\d[.,]\d\d$", end):
            text += part if text[-1] in ".," else "." + part
        else:
            text += (" " if text else "") + part
    return text


def currency_around(document: Document, places: list[int]) -> str | None:
    """The currency named beside some places."""
    for place in places:
        for piece in document.pieces[max(0, place - 2) : place + 3]:
            if len(piece.text) <= LONGEST and (code := currency_of(piece.text)):
                return code
    return None
