"""CSS selection in which an element that fits several alternatives of a selector comes once."""

from __future__ import annotations

from selectolax.lexbor import LexborHTMLParser, LexborNode


def select(tree: LexborHTMLParser, selector: str) -> list[LexborNode]:
    """The elements that fit, in document order."""
    return list({node.mem_id: node for node in tree.css(selector)}.values())
