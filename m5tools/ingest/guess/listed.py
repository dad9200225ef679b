"""Whether one object lists the products, or is one itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from m5tools.ingest.guess.names import place_of


def listing(members: Iterable[tuple[str, dict[str, Any] | None]]) -> str | None:
    """The member of an object that lists products, told by their titles; None where the object has a title itself.

    Args:
        members: of the object, each with the first object that it lists, if it lists any.
    """
    found = None
    for name, first in members:
        if first is None and place_of(name, "title") is not None:
            return None
        if found is None and first is not None and any(place_of(key, "title") is not None for key in first):
            found = name
    return found
