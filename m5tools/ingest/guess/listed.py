"""Whether one object lists the products, or is one itself."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from m5tools.ingest.guess.names import bare, place_of
from m5tools.ingest.readers.json_listed import Member, first_object, members

_USUAL: Final = frozenset(
    {"products", "items", "results", "docs", "entries", "records", "listings", "hits", "rows", "edges", "nodes",
     "goods", "data", "list", "articles", "produkte", "productos", "produits"}
)  # fmt: skip
_TELLING: Final = ("title", "price", "url", "image", "brand", "description", "native_id", "gtin", "category")
_LISTS_LOOKED_AT: Final = 256
Path = tuple[str, ...]


def listing(head: bytes) -> str | None:
    """The member of an object, or its path, that lists products, told by their titles; None where there is none.

    An object that has a title itself is a product, and what it lists are parts of it, unless they are called products.

    Args:
        head: the first bytes of a JSON document that is one object.
    """
    found = list(members(head))
    titled = {m.path[:-1] for m in found if m.is_plain and place_of(m.path[-1], "title") is not None}
    shared = _shared(found)
    best: tuple[int, str] | None = None
    for member in [m for m in found if m.place is not None][:_LISTS_LOOKED_AT]:
        usual = bare(member.path[-1]) in _USUAL
        if member.path in shared or (not usual and any(member.path[:i] in titled for i in range(len(member.path)))):
            continue
        first = first_object(head, member.place or 0)
        fits = _score(first) if first else 0
        if fits and (best is None or fits + usual > best[0]):
            best = fits + usual, ".".join(member.path)
    return best[1] if best else None


def listing_of_lines(lines: list[bytes]) -> str | None:
    """The same for lines of which each is an answer with a list of products: most have it, under a usual name."""
    (path, often), *_ = Counter(map(listing, lines)).most_common(1) or [(None, 0)]
    usual = path is not None and bare(path.rpartition(".")[2]) in _USUAL
    return path if usual and 2 * often > len(lines) else None


def _shared(found: list[Member]) -> set[Path]:
    """Paths that lead through one of several objects of a kind: records by their id."""
    alike: dict[tuple[Path, Path], set[str]] = {}
    for member in found:
        for i in range(len(member.path) - 1):
            alike.setdefault((member.path[:i], member.path[i + 1 :]), set()).add(member.path[i])
    return {(*before, name, *behind) for (before, behind), names in alike.items() if len(names) > 1 for name in names}


def _score(first: dict[str, Any]) -> int:
    """In how many ways an object is like a product; none without a title."""
    inner = (value for value in first.values() if isinstance(value, dict))
    keys = [*first, *(key for value in inner for key in value)]
    told = [any(place_of(key, target) is not None for key in keys) for target in _TELLING]
    return 2 * sum(told) if told[0] else 0
