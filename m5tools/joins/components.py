"""Connected components of more edges than memory holds: edges come in parts, and only a word a row is kept.

Each part is contracted to the components that were found before it, so what is joined at once are the edges of a part
that join anything new.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.uint32]
Ends = npt.NDArray[Any]
"""Rows at one side of edges, any unsigned or signed integers from 0."""


def of_parts(parts: Iterable[tuple[Ends, Ends]], count: int) -> Rows:
    """Components over all rows.

    Args:
        parts: both ends of edges, part by part; gone through once.
        count: of rows.

    Returns:
        uint32 [count]: of each row the smallest of its component, its own number where no edge leads elsewhere.
    """
    above = np.arange(count, dtype=np.uint32)
    for one, other in parts:
        tops = _tops(above, one), _tops(above, other)
        new = tops[0] != tops[1]
        rows, smallest = of_edges(tops[0][new], tops[1][new])
        above[rows] = smallest
        # Straight to the top, so that a way up is as long as parts have joined what lies on it, not as edges have.
        for ends, top in zip((one, other), tops, strict=True):
            above[ends] = above[top]
    while not np.array_equal(higher := above[above], above):
        above = higher
    return above


def of_edges(one: Ends, other: Ends) -> tuple[Rows, Rows]:
    """Components of edges: the rows in them, ascending, and of each the smallest row of its component."""
    rows, places = np.unique(np.concatenate([one, other]), return_inverse=True)
    first, second = places[: len(one)], places[len(one) :]
    from scipy.sparse import coo_array  # a quarter of a second to load, which every other stage would pay too
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(one), bool), (first, second)), shape=(len(rows), len(rows)))
    _, component = connected_components(graph, directed=False)
    smallest: Rows = np.full(int(component.max(initial=-1)) + 1, np.iinfo(np.uint32).max, np.uint32)
    rows = rows.astype(np.uint32)
    np.minimum.at(smallest, component, rows)
    return rows, smallest[component]


def _tops(above: Rows, rows: Ends) -> Rows:
    """The smallest row known of the components of rows."""
    found: Rows = above[rows]
    while not np.array_equal(higher := above[found], found):
        found = higher
    return found
