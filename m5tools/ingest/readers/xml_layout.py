"""Which element of an XML document is a record, told by its beginning."""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

_USUAL: Final = frozenset({"item", "entry", "product", "offer", "record", "row", "listing", "article", "ad"})
_TAG: Final = re.compile(
    r"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<[?!][^>]*>|<(/?)([\w:.-]+)((?:[^<>\"']|\"[^\"]*\"|'[^']*')*?)(/?)>", re.DOTALL
)
_ATTRIBUTE: Final = re.compile(r"([\w:.-]+)\s*=")
_DEEPEST: Final = 64
_Path = tuple[str, ...]


def record_element(head: bytes) -> str | None:
    """The name of the element that is a record; None where there is no element.

    Of elements that have fields (children, or at least two attributes): the outermost with a usual name, such as
    `item`, else the outermost that is repeated inside of one element, else the one with the most different fields.

    Args:
        head: first bytes of the document, in UTF-8; they may end anywhere.
    """
    outline = _Outline(head.decode(errors="replace"))
    fields = {path: names for path, names in outline.fields.items() if names}
    usual = [path for path in fields if path[-1].rpartition(":")[2].lower() in _USUAL]
    repeated = [path for path in fields if outline.most[path] > 1]
    for paths in (usual, repeated):
        if paths:
            return min(paths, key=lambda path: (len(path), -outline.most[path]))[-1]
    return max(fields, key=lambda path: len(fields[path]), default=outline.first)[-1] if outline.first else None


class _Outline:
    """What elements there are, by their path; read tag by tag, so that what is broken does not matter.

    Attributes:
        fields: path → names of children, and of attributes where there are two or more.
        most: path → how often it is there inside of one element.
        first: path of the outermost element.
    """

    def __init__(self, text: str) -> None:
        self.fields: dict[_Path, set[str]] = {}
        self.most: Counter[_Path] = Counter()
        self.first: _Path = ()
        self._open: list[tuple[_Path, Counter[str]]] = []
        for tag in _TAG.finditer(text):
            ends, name, attributes, empty = tag.groups()
            if name is None:
                continue
            if len(self._open) > _DEEPEST:
                return
            if not ends:
                self._start(name, attributes)
            if ends or empty:
                self._end(name)

    def _start(self, name: str, attributes: str) -> None:
        inside, siblings = self._open[-1] if self._open else ((), Counter[str]())
        path = (*inside, name)
        self.first = self.first or path
        siblings[name] += 1
        self.most[path] = max(self.most[path], siblings[name])
        if inside:
            self.fields[inside].add(name)
        own = {key for key in _ATTRIBUTE.findall(attributes) if not key.startswith("xmlns")}
        self.fields.setdefault(path, set()).update(own if len(own) > 1 else ())
        self._open.append((path, Counter()))

    def _end(self, name: str) -> None:
        depths = [depth for depth, (path, _) in enumerate(self._open) if path[-1] == name]
        if depths:
            del self._open[depths[-1] :]
