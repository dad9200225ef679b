"""Checking what markup says against what the page's address and visible text say."""

from __future__ import annotations

import re
from decimal import Decimal

from m5tools.ingest.pages.document import Document
from m5tools.ingest.pages.money import money


def borne_out(document: Document, code: str) -> bool:
    """Whether the address names a code, however punctuated, or the page shows it."""
    bare = re.sub(r"[\W_]", "", code.casefold())
    return (len(bare) >= 4 and bare in re.sub(r"[.\-_+]", "", document.addresses.casefold())) or _appears(
        document, code
    )


def _appears(document: Document, code: str) -> bool:
    bounded = re.compile(rf"(?<![a-zA-Z0-9]){re.escape(code)}(?![a-zA-Z0-9])", re.IGNORECASE)
    return any(bounded.search(p.text) for p in document.pieces)


def price_shown(document: Document, price: str) -> bool:
    wanted = Decimal(price)
    return any(
        (m := money(document.pieces[place].text)) is not None and m.amount == wanted
        for place in places_of(document, price)
    )


def places_of(document: Document, amount: str) -> list[int]:
    whole = amount.split(".")[0]
    return [p.place for p in document.pieces if len(p.text) < 40 and whole in re.sub(r"[^\d]", "", p.text)][:20]


_NUMBER = re.compile(r"(?<![a-zA-Z0-9])[a-zA-Z]{0,3}\d[a-zA-Z0-9]{3,19}(?![a-zA-Z0-9])")
_LAST_DIGITS = re.compile(r"\d{5,}$")


def number_in_address(document: Document) -> str | None:
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
