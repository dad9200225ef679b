"""Microdata (HTML standard, section 5): `itemscope`, `itemtype`, `itemprop`."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

from m5tools.ingest.pages.scoped import Item, Spelling, items

_MICRODATA = Spelling(scope="itemscope", kind="itemtype", name="itemprop")


def read(tree: LexborHTMLParser) -> list[Item]:
    """The page's top-level items."""
    return items(tree, _MICRODATA)
