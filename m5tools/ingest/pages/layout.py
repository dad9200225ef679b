"""Where on a page things stand: which zone an element lies in, where the buy button is."""

from __future__ import annotations

from functools import cached_property
from itertools import chain

from selectolax.lexbor import LexborNode

from m5tools.ingest.pages import words
from m5tools.ingest.pages.document import Document, above, text_of
from m5tools.ingest.pages.guard import DEEPEST
from m5tools.ingest.pages.select import select

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
        verdict = False
        for zone in chain([node], above(node, DEEPEST)):
            identity = zone.mem_id
            if identity in self._around_heading:
                break
            if identity in self._elsewhere:
                verdict = self._elsewhere[identity]
                break
            way.append(identity)
            if zone.tag in _OUTSIDE or words.ELSEWHERE.search(names(zone)):
                verdict = True
                break
        self._elsewhere.update(dict.fromkeys(way, verdict))
        return verdict

    @cached_property
    def _around_heading(self) -> set[int]:
        """Elements around the product's own heading: the product's zone, whatever their classes say."""
        heading = self.document.heading
        return {n.mem_id for n in above(heading.node, DEEPEST)} if heading is not None else set()

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
