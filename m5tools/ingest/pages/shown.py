"""Pictures, clips and description that a page shows without saying what they are."""

from __future__ import annotations

import re

from selectolax.lexbor import LexborNode

from m5tools.ingest.pages.document import Document, above, likeness, text_of
from m5tools.ingest.pages.layout import Layout, names
from m5tools.ingest.pages.select import select

MOST_IMAGES = 30
ALIKE = 0.6
SHORTEST_DESCRIPTION = 40
LONGEST_DESCRIPTION = 20_000
_LARGEST_FIRST = (
    "data-zoom-image", "data-large_image", "data-large", "data-full", "data-original", "data-src", "data-lazy-src",
    "data-lazy", "src",
)  # fmt: skip
_GALLERY = re.compile(
    r"gallery|product-?_?(?:image|img|photo|media)|main-?_?(?:image|img|photo)|zoom|packshot", re.IGNORECASE
)
_NO_PICTURE = re.compile(
    r"\.svg|sprite|spacer|blank|pixel|placeholder|loader|loading|icon|logo|avatar|badge", re.IGNORECASE
)
_DESCRIPTION = re.compile(
    r"(?<![a-z])(?:product-?_?)?(?:description|beschreibung|descripcion|descrizione|descricao|opis|popis)(?![a-z])",
    re.IGNORECASE,
)
_MAY_DESCRIBE = "[id*=descri i],[class*=descri i],[id*=beschr i],[class*=beschr i],[class*=opis i],[id*=popis i]"


def images(document: Document, layout: Layout) -> list[str]:
    """Pictures whose alternative text is the product's name, or that stand in what calls itself the gallery."""
    title = document.titles[0] if document.titles else ""
    found: list[str] = []
    for node in document.tree.css("img"):
        attributes = node.attributes
        location = next((v for name in _LARGEST_FIRST if (v := attributes.get(name))), "").strip()
        if not location or location.startswith("data:") or _NO_PICTURE.search(location):
            continue
        named = len(title) > 3 and likeness(attributes.get("alt") or "", title) >= ALIKE
        if (named or _in_gallery(node)) and not layout.elsewhere(node):
            found.append(location)
            if len(found) >= MOST_IMAGES:
                break
    return list(dict.fromkeys(found))


def videos(document: Document, layout: Layout) -> list[str]:
    """Files that the page's own players play."""
    players = select(document.tree, "video[src],video source[src]")
    found = [v.strip() for n in players if (v := n.attributes.get("src")) and not layout.elsewhere(n)]
    return [v for v in dict.fromkeys(found) if v and not v.startswith(("blob:", "data:"))]


def _in_gallery(node: LexborNode) -> bool:
    return any(_GALLERY.search(names(n)) for n in [node, *above(node)])


def description(document: Document, layout: Layout) -> str | None:
    """The longest text of an element that calls itself the description."""
    best = ""
    for node in select(document.tree, "[id*=descri i],[class*=descri i],[id*=beschr i],[class*=opis i],[id*=popis i]")[
        :50
    ]:
        if _DESCRIPTION.search(names(node)) and not layout.elsewhere(node):
            text = text_of(node)
            if len(best) < len(text) <= LONGEST_DESCRIPTION:
                best = text
    return best if len(best) >= SHORTEST_DESCRIPTION else None
