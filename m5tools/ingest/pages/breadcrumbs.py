"""BreadcrumbList of schema.org → the category path, root first."""

from __future__ import annotations

from typing import Any

from m5tools.ingest.pages.scoped import Item
from m5tools.ingest.pages.values import every, one, text, types

_DEEPEST = 12


def breadcrumbs(items: list[Item]) -> list[str]:
    """The path of the page's first BreadcrumbList, in the order of `position`."""
    waiting: list[tuple[Any, int]] = [(item, 0) for item in reversed(items)]
    paths: list[list[str]] = []
    while waiting:
        value, depth = waiting.pop()
        if isinstance(value, list):
            waiting += [(v, depth) for v in reversed(value)]
        elif isinstance(value, dict) and depth < _DEEPEST:
            if "BreadcrumbList" in types(value):
                paths.append(_crumbs(value))
            elif "Breadcrumb" in types(value) and (title := text(one(value, "title"))):
                paths.append([title])
            else:
                waiting += [(v, depth + 1) for v in reversed(value.values()) if isinstance(v, dict | list)]
    long = max(paths, key=len, default=[])
    return long if len(long) > 1 else [p[0] for p in paths if p]


def _crumbs(crumbs: Item) -> list[str]:
    levels: list[tuple[float, str]] = []
    for place, level in enumerate(every(crumbs, "itemListElement")):
        if isinstance(level, dict):
            inner = one(level, "item")
            name = text(one(level, "name")) or (text(one(inner, "name")) if isinstance(inner, dict) else None)
            if name:
                given = text(one(level, "position")) or ""
                levels.append((float(given) if given.isdecimal() else place, name))
    return [name for _, name in sorted(levels, key=lambda level: level[0])]
