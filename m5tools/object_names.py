"""Which objects of a store can be files below a folder here.

A key is any text: to a store it is the same whether one is absolute, leads out of the folder or has others below it.
"""

from __future__ import annotations

from collections.abc import Collection

from m5tools.errors import UsageError
from m5tools.recorded import is_below

_ROUNDABOUT = frozenset(["", ".", ".."])


def refuse_others(names: Collection[str], place: str) -> None:
    """Refuse a folder of a store that no folder here can be a copy of.

    Args:
        names: its objects, below the folder.
        place: the folder.

    Raises:
        UsageError: one of them is no path of a file below a folder, or is one of a file and of a folder at once.
    """
    folders: set[str] = set()
    for name in names:
        if "\\" in name or not _ROUNDABOUT.isdisjoint(name.split("/")) or not is_below(name):
            key = f"{place}/{name}"
            raise UsageError(f"{key!r} is an object whose name is no path below a folder; remove it from the store")
        folder = name.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    both = next((name for name in names if name in folders), None)
    if both is not None:
        key = f"{place}/{both}"
        raise UsageError(f"{key!r} is an object and a folder at once; remove either from the store")
