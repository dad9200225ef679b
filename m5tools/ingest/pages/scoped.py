"""Items that elements spell out with attributes: what microdata and RDFa have in common.

An element opens an item, elements below it name its properties; the nearest item above a property owns it.
The result has the shape of JSON-LD: `{"@type": [...], "name": ["..."], "offers": [{...}]}`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode

from m5tools.ingest.pages.select import select

Item = dict[str, Any]
MOST_ELEMENTS = 20_000
_LINKS = {"a": "href", "area": "href", "link": "href", "img": "src", "source": "src", "video": "src", "audio": "src",
          "embed": "src", "iframe": "src", "track": "src", "object": "data", "data": "value", "meter": "value",
          "time": "datetime"}  # fmt: skip
_TEXT_KEPT = 20_000


@dataclass(frozen=True)
class Spelling:
    """The attributes of one syntax.

    Attributes:
        scope: opens an item.
        kind: holds its type.
        name: holds the names of a property.
    """

    scope: str
    kind: str
    name: str


def items(tree: LexborHTMLParser, spelling: Spelling) -> list[Item]:
    """All items that are no property of another, in document order."""
    found = select(tree, f"[{spelling.scope}],[{spelling.name}]")[:MOST_ELEMENTS]
    opened: dict[int, Item] = {}
    owners: dict[int, Item | None] = {}
    top: list[Item] = []
    referred = _references(tree, found, spelling)
    for node in found:
        attributes = node.attributes
        owner = _owner(node, opened, owners)
        if owner is None and node.mem_id in referred:
            owner = opened.get(referred[node.mem_id])
        names = _names(attributes.get(spelling.name))
        if spelling.scope in attributes:
            item: Item = {"@type": _types(attributes.get(spelling.kind))}
            identity = attributes.get("itemid") or attributes.get("resource")
            if identity:
                item["@id"] = identity
            opened[node.mem_id] = item
            if owner is None or not names:
                top.append(item)
            else:
                _add(owner, names, item)
        elif owner is not None and names:
            value = value_of(node)
            if value:
                _add(owner, names, value)
    return top


def value_of(node: LexborNode) -> str:
    """What a property's element says: `content` first (shops put it on any element), then the link, then the text."""
    attributes = node.attributes
    content = attributes.get("content")
    if content is not None:
        return content.strip()
    link = _LINKS.get(node.tag or "")
    if link and (value := attributes.get(link)):
        return value.strip()
    return " ".join(node.text(deep=True, separator=" ")[:_TEXT_KEPT].split())


def _owner(node: LexborNode, opened: dict[int, Item], owners: dict[int, Item | None]) -> Item | None:
    """The nearest item above a node; what was learned on the way up is kept, so depth is walked once."""
    way: list[int] = []
    above = node.parent
    owner: Item | None = None
    while above is not None:
        identity = above.mem_id
        if identity in opened:
            owner = opened[identity]
            break
        if identity in owners:
            owner = owners[identity]
            break
        way.append(identity)
        above = above.parent
    owners.update(dict.fromkeys(way, owner))
    return owner


def _references(tree: LexborHTMLParser, found: list[LexborNode], spelling: Spelling) -> dict[int, int]:
    """`itemref` (HTML standard, 5.2.2): elements elsewhere that belong to an item all the same."""
    if spelling.scope != "itemscope":
        return {}
    by_id: dict[str, int] = {}
    for node in found:
        for name in (node.attributes.get("itemref") or "").split():
            by_id[name] = node.mem_id
    if not by_id:
        return {}
    referred: dict[int, int] = {}
    for node in tree.css("[id]"):
        item = by_id.get(node.attributes.get("id") or "")
        if item is not None:
            for below in [node, *node.css(f"[{spelling.name}]")]:
                referred.setdefault(below.mem_id, item)
    return referred


def _add(owner: Item, names: list[str], value: Any) -> None:
    for name in names:
        owner.setdefault(name, []).append(value)


def _names(value: str | None) -> list[str]:
    """Property names without vocabulary: `http://schema.org/name`, `schema:name` and `name` are one."""
    return [n for word in (value or "").split() if (n := short_name(word))]


def _types(value: str | None) -> list[str]:
    return [n for word in (value or "").split() if (n := short_name(word))]


def short_name(word: str) -> str:
    """The name of a schema.org term without its vocabulary; blank for terms of other vocabularies."""
    lower = word.lower()
    if "schema.org" in lower or lower.startswith("schema:"):
        return word.rstrip("/").replace("#", "/").replace(":", "/").rsplit("/", 1)[-1]
    if "data-vocabulary.org/" in lower:  # the vocabulary schema.org replaced; same names for what is read here
        return word.rstrip("/").rsplit("/", 1)[-1]
    return "" if ":" in word or "/" in word else word
