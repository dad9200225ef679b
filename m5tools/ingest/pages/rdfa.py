"""RDFa Lite (W3C Recommendation): `typeof`, `property`, as far as it speaks schema.org."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser

from m5tools.ingest.pages.scoped import Item, Spelling, items

_RDFA = Spelling(scope="typeof", kind="typeof", name="property")


def read(tree: LexborHTMLParser) -> list[Item]:
    """The page's top-level resources."""
    return items(tree, _RDFA)
