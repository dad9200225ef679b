"""JSON-LD scripts → the items in them, without `@graph` and list wrappers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from m5tools.ingest.pages.lenient_json import documents
from m5tools.ingest.pages.scoped import Item

_WRAPPERS = ("@graph", "mainEntity", "mainEntityOfPage", "about", "item")


def read(scripts: Iterable[str]) -> list[Item]:
    """The items of a page's JSON-LD scripts in order; items that refer to each other by `@id` are joined.

    Args:
        scripts: text of each script of type `application/ld+json`.
    """
    found: list[Item] = []
    waiting: list[Any] = [document for script in scripts for document in documents(script)][::-1]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            waiting += value[::-1]
        elif isinstance(value, dict):
            found.append(value)
            waiting += [value[key] for key in reversed(_WRAPPERS) if isinstance(value.get(key), dict | list)]
    return _joined(found)


def _joined(found: list[Item]) -> list[Item]:
    """A value that is only `{"@id": …}` stands for the item of that id (JSON-LD 1.1, node references)."""
    known = {item["@id"]: item for item in found if isinstance(item.get("@id"), str) and len(item) > 1}
    if not known:
        return found
    for item in found:
        for key, value in item.items():
            if isinstance(value, dict) and len(value) == 1 and value.get("@id") in known:
                item[key] = known[value["@id"]]
            elif isinstance(value, list):
                item[key] = [
                    known.get(v["@id"], v)
                    if isinstance(v, dict) and len(v) == 1 and isinstance(v.get("@id"), str)
                    else v
                    for v in value
                ]
    return found
