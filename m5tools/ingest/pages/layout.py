"""Where on a page things stand: which zone an element lies in, where the buy button is."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from selectolax.lexbor import LexborNode

from m5tools.ingest.pages import words
from m5tools.ingest.pages.document import Document, text_of
from m5tools.ingest.pages.select import select

_NEAR = 4
_STRUCK = frozenset({"del", "s", "strike"})
_OUTSIDE = frozenset({"header", "footer", "nav", "aside"})


class Layout:
    """Questions of place about one document; answers about elements are kept, as pieces share what is above them."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self._elsewhere: dict[int, bool] = {}

    def elsewhere(self, node: LexborNode) -> bool:
        """Whether an element lies in a part that shows other products, or none: headers, carousels, reviews."""
        way: list[int] = []
        above: LexborNode | None = node
        verdict = False
        while above is not None and above.tag not in ("body", "html"):
            known = self._elsewhere.get(above.mem_id)
            if known is not None:
                verdict = known
                break
            way.append(above.mem_id)
            if above.tag in _OUTSIDE or words.ELSEWHERE.search(names(above)):
                verdict = not self._holds_heading(above)
                if verdict:
                    break
            above = above.parent
        self._elsewhere.update(dict.fromkeys(way, verdict))
        return verdict

    def _holds_heading(self, node: LexborNode) -> bool:
        """A zone around the product's own heading is the product's, whatever its class says."""
        title = self.document.titles[0] if self.document.titles else ""
        return any(title == text_of(h) for h in node.css("h1")[:3])

    @cached_property
    def buy_places(self) -> list[int]:
        """Places in reading order of what can be clicked to buy this product."""
        buttons = {n.mem_id for n in self.buy_buttons}
        found = []
        for piece in self.document.pieces:
            if any(n.mem_id in buttons for n in [piece.node, *above(piece.node, 3)]):
                found.append(piece.place)
        return found

    @cached_property
    def buy_buttons(self) -> list[LexborNode]:
        """Buttons, links and inputs that buy, outside of zones of other products."""
        found = []
        for node in select(
            self.document.tree, "button,a,input[type=submit],input[type=button],input[type=image],[role=button]"
        ):
            attributes = node.attributes
            label = " ".join(a for k in ("value", "aria-label", "title", "alt") if (a := attributes.get(k)))
            said = text_of(node)[:60] if node.tag != "input" else ""
            if (
                (len(said) < 50 and words.BUY.search(said))
                or words.BUY.search(label[:60])
                or words.BUY_CLASS.search(names(node))
            ) and not self.elsewhere(node):
                found.append(node)
        return found


def above(node: LexborNode, levels: int = _NEAR) -> Iterator[LexborNode]:
    """The elements above a node, the nearest first."""
    parent = node.parent
    while parent is not None and levels and parent.tag not in ("body", "html"):
        yield parent
        parent, levels = parent.parent, levels - 1


def names(node: LexborNode) -> str:
    """What an element calls itself: class, id and the usual hooks of scripts."""
    attributes = node.attributes
    return " ".join(
        v for k in ("class", "id", "itemprop", "data-testid", "data-test", "data-qa") if (v := attributes.get(k))
    )


def struck(node: LexborNode) -> bool:
    """Whether a text is struck through, by tag or style."""
    return any(n.tag in _STRUCK or "line-through" in (n.attributes.get("style") or "") for n in [node, *above(node, 3)])


def hidden(node: LexborNode) -> bool:
    """Whether an element says itself that it is not shown."""
    for n in [node, *above(node, 6)]:
        attributes = n.attributes
        style = (attributes.get("style") or "").replace(" ", "").lower()
        if "hidden" in attributes or "display:none" in style or "visibility:hidden" in style:
            return True
    return False
