"""Where pages hold data for their own scripts: JSON scripts, literals that are assigned or passed, data attributes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from m5tools.ingest.pages.document import Document
from m5tools.ingest.pages.lenient_json import documents, literal, unquoted
from m5tools.ingest.pages.select import select

_HOOKS = ",".join(
    f"[data-{name}]"
    for name in (
        "product", "json", "gtm", "layer", "item", "props", "ecommerce", "analytics", "tracking", "page", "state",
        "info", "variants",
    )
)  # fmt: skip

MOST_LITERALS = 200
_TELLING = re.compile(r"price|sku|product|item_?id|offer", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?:=|\(|\breturn)\s*(?=[\[{])")
_QUOTED = re.compile(
    r"JSON\.parse\(\s{0,9}(\"[^\"\\]*(?:\\.[^\"\\]*)*(?:\"|\\?\Z)|'[^'\\]*(?:\\.[^'\\]*)*(?:'|\\?\Z))", re.DOTALL
)


def literals(document: Document) -> Iterator[Any]:
    """Every JSON value and object literal in a page's scripts and in the attributes that scripts read."""
    found = 0
    for script in document.scripts:
        if not _TELLING.search(script):
            continue
        if script.lstrip()[:1] in "{[":
            yield from documents(script)
            continue
        place = 0
        while found < MOST_LITERALS and (begins := _ASSIGNED.search(script, place)) is not None:
            found += 1
            place = begins.end()
            value = literal(script, place)
            if value is not None:
                yield value[0]
                place = max(value[1], place)
        for quoted in _QUOTED.finditer(script):
            yield from documents(unquoted(quoted[1]))
    for node in select(document.tree, _HOOKS)[:100]:
        for key, content in node.attributes.items():
            if key.startswith("data-") and content and content[:1] in "{[" and _TELLING.search(content):
                yield from documents(content)
