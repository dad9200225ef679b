"""A parsed page: its tree, its scripts, its address and what a reader sees, in reading order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import urljoin

from selectolax.lexbor import LexborHTMLParser, LexborNode

from m5tools.ingest.pages.guard import refusal

MOST_PIECES = 40_000
_SAVED_FROM = re.compile(r"<!--\s*saved from url=\(\d+\)(\S+)\s*-->")
_UNSEEN = ["script", "style", "template", "svg", "noscript", "iframe"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of visible text.

    Attributes:
        place: its number in reading order.
        text: the text, single spaces.
        node: the element around it.
    """

    place: int
    text: str
    node: LexborNode


@dataclass
class Document:
    """One page.

    Attributes:
        tree: the parsed page, without scripts and styles.
        linked_data: texts of its JSON-LD scripts.
        scripts: texts of its other inline scripts.
        given_address: where the page was fetched, when the archive says so.
        saved_address: where a browser says it saved the page from.
    """

    tree: LexborHTMLParser
    linked_data: list[str]
    scripts: list[str]
    given_address: str | None = None
    saved_address: str | None = None
    _meta: dict[str, list[str]] = field(default_factory=dict)

    @cached_property
    def meta(self) -> dict[str, list[str]]:
        """Contents of `<meta>` by property or name, in lower case."""
        found: dict[str, list[str]] = {}
        for node in self.tree.css("meta[content]"):
            attributes = node.attributes
            content = (attributes.get("content") or "").strip()
            for key in ("property", "name", "itemprop"):
                if content and (name := attributes.get(key)):
                    found.setdefault(name.strip().lower(), []).append(content)
        return found

    def said(self, *names: str) -> str | None:
        """The first content among some metas."""
        return next((self.meta[n][0] for n in names if n in self.meta), None)

    @cached_property
    def canonical(self) -> str | None:
        """The address the page itself gives: `<link rel=canonical>`, else `og:url`."""
        link = self.tree.css_first('link[rel="canonical"][href]')
        href = (link.attributes.get("href") or "").strip() if link is not None else ""
        address = self.resolved(href or self.said("og:url") or "")
        if not address or not address.startswith(("http://", "https://")):
            return None
        # A shop that calls every page by its front page names none of them.
        fetched = self.given_address or self.saved_address
        return None if fetched and _is_front(address) and not _is_front(fetched) else address

    @cached_property
    def address(self) -> str | None:
        """The best known address of the page: where it was fetched, saved, or what it calls itself."""
        return self.given_address or self.saved_address or self.canonical

    @property
    def addresses(self) -> str:
        """All known addresses in one string, to look numbers up in."""
        return " ".join(a for a in (self.given_address, self.saved_address, self.canonical) if a)

    @cached_property
    def language(self) -> str | None:
        root = self.tree.css_first("html")
        attributes = root.attributes if root is not None else {}
        given = attributes.get("lang") or attributes.get("xml:lang") or self.said("og:locale", "language") or ""
        found = re.match(r"[a-zA-Z]{2,3}(?:[-_][a-zA-Z0-9]{2,8})*", given.strip())
        return found[0].replace("_", "-") if found else None

    def resolved(self, address: str) -> str | None:
        """An absolute address, where the page's own is known."""
        address = address.strip()
        if not address:
            return None
        base = self.tree.css_first("base[href]")
        own = self.given_address or self.saved_address or self.said("og:url") or ""
        try:
            around = urljoin(own, (base.attributes.get("href") or "") if base is not None else "")
            return urljoin(around, address)
        except ValueError:  # "http://[": no address
            return None

    @cached_property
    def titles(self) -> list[str]:
        """What the page calls itself: its headings, `og:title`, `<title>`; the likeliest first."""
        headings = [t for node in self.tree.css("h1")[:5] if (t := text_of(node)) and len(t) < 300]
        shared = self.said("og:title", "twitter:title")
        title = self.tree.css_first("title")
        page = text_of(title) if title is not None else ""
        against = f"{shared or ''} {page}"
        headings.sort(key=lambda heading: -likeness(heading, against))
        return [t for t in [*headings[:1], shared, page, *headings[1:]] if t]

    @cached_property
    def pieces(self) -> list[Piece]:
        """Everything visible in reading order."""
        found: list[Piece] = []
        body = self.tree.body
        if body is None:
            return found
        for node in body.traverse(include_text=True):
            if node.tag == "-text":
                text = " ".join((node.text_content or "").split())
                if text and (parent := node.parent) is not None:
                    found.append(Piece(len(found), text, parent))
                    if len(found) >= MOST_PIECES:
                        break
        return found

    @cached_property
    def heading(self) -> Piece | None:
        """The piece where the product's own heading begins.

        Breadcrumbs repeat it, so one in a heading element comes first. Without such it is the longest piece of text
        that the page's title repeats.
        """
        wanted = [" ".join(title.split()) for title in self.titles[:2]]
        for title in wanted:
            same = [p for p in self.pieces if len(p.text) > 3 and title.startswith(p.text)]
            headed = (p for p in same if p.node.tag == "h1" or any(n.tag == "h1" for n in above(p.node, 3)))
            found = next(headed, None) or next((p for p in same if p.text == title), None)
            if found is not None:
                return found
        title = " ".join(wanted).casefold()
        repeated = [p for p in self.pieces if 8 <= len(p.text) <= len(title) and p.text.casefold() in title]
        return max(repeated, key=lambda p: (len(p.text), -p.place), default=None)

    @property
    def heading_place(self) -> int:
        """Place of the heading; 0 where there is none."""
        return self.heading.place if self.heading is not None else 0


def parse(text: str, address: str | None = None) -> Document:
    """Parse a page.

    Raises:
        ValueError: it is made to hurt a parser; see `guard`.
    """
    if (reason := refusal(text)) is not None:
        raise ValueError(reason)
    tree = LexborHTMLParser(text)
    linked_data: list[str] = []
    scripts: list[str] = []
    for node in tree.css("script"):
        content = node.text(deep=True)
        if content and not content.isspace():
            kind = (node.attributes.get("type") or "").lower()
            (linked_data if "ld+json" in kind else scripts).append(content)
    tree.strip_tags(_UNSEEN)
    saved = _SAVED_FROM.search(text[:2_000])
    return Document(tree, linked_data, scripts, address, saved[1] if saved else None)


def above(node: LexborNode, levels: int = 4) -> Iterator[LexborNode]:
    """The elements above a node, the nearest first."""
    parent = node.parent
    while parent is not None and levels and parent.tag not in ("body", "html"):
        yield parent
        parent, levels = parent.parent, levels - 1


def text_of(node: LexborNode, separator: str = " ") -> str:
    """An element's text with single spaces."""
    return " ".join(node.text(deep=True, separator=separator).split())


def _is_front(address: str) -> bool:
    return "/" not in address.partition("://")[2].split("?")[0].strip("/") and "?" not in address


_WORD = re.compile(r"\w+")


def likeness(one: str, other: str) -> float:
    """Share of the words of the shorter text that the longer one holds."""
    a, b = set(_WORD.findall(one.casefold())), set(_WORD.findall(other.casefold()))
    return len(a & b) / min(len(a), len(b)) if a and b else 0.0
