"""Clusters of millions of products in bounded memory: whole components of edges, some at a time.

No cluster reaches beyond what edges connect, however far chains are broken later, so what is apart or related elsewhere
has no say in it. Of all products only a word each is in memory (:mod:`m5tools.joins.components`); edges, products and
pairs that are apart go from part to part into files, cut by block. What is not cut is a component: one of half of all
products is a block of half of all products.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dedup.append import attach, held_together, reached, unfollowed
from m5tools.dedup.clusters import resolve
from m5tools.joins import buckets
from m5tools.joins.components import Rows, of_parts

_AT_ONCE: Final = 1_000_000
_FACTS: Final = (
    "row", "product_id", "source", "once", "is_new", "gtin", "group", "modalities", "table_pairs", "files",
    "description_chars",
)  # fmt: skip
"""What `resolve` and `unfollowed` want to know of a product."""
Products = Callable[[pl.Series], pl.DataFrame]
"""Gives products by their rows, sorted by row, with the columns that `attach` wants."""
_Bools = npt.NDArray[np.bool_]


def resolve_in_blocks(
    edges: Iterable[pl.DataFrame],
    products: Iterable[pl.DataFrame],
    apart: Iterable[pl.DataFrame],
    count: int,
    folder: Path,
    at_once: int = _AT_ONCE,
) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    """The clusters of all products, block by block.

    Args:
        edges: in parts, at least one, that can be gone through twice: as for :func:`m5tools.dedup.clusters.resolve`.
        products: in parts: row (ascending over all) and the columns wanted there, and is_new.
        apart: in parts: row_a, row_b, relation, as there.
        count: of products; rows are below it.
        folder: for scratch files.
        at_once: rows that are held at once of what goes from part to part, and edges of a block, about.

    Returns:
        For each block what :func:`m5tools.dedup.clusters.resolve` and :func:`m5tools.dedup.append.unfollowed` give.
    """
    sizes: list[int] = []
    label = of_parts(_ends(edges, sizes), count)
    blocks = 1 + sum(sizes) // at_once
    linked = _linked(label)
    kinds = (
        (edges, "row_a"),
        ((part.select(_FACTS).filter(linked[part["row"].to_numpy()]) for part in products), "row"),
        ((_within(part, label) for part in apart), "row_a"),
    )
    opened = []
    for kind, (parts, side) in enumerate(kinds):
        files = []
        for number, rows in enumerate(_together(parts, at_once)):
            files.append(folder / f"{kind}-{number:05d}.arrow")
            buckets.write(files[-1], rows, pl.Series(label[rows[side].to_numpy()] % np.uint32(blocks)), blocks)
        opened.append(buckets.opened(files))
    for block in range(blocks):
        strength, mine, differ = (buckets.read(files, block) for files in opened)
        clusters = resolve(strength, mine, differ)
        yield clusters, unfollowed(strength, clusters, mine)


def attach_to_old(
    strength: pl.DataFrame, products: Products, apart: Iterable[pl.DataFrame], old: pl.DataFrame, count: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The clusters that newcomers join or form, and the bridges.

    Args:
        strength: as for :func:`m5tools.dedup.append.attach`.
        products: is asked for all that have an edge, and for the members of old clusters that these reach.
        apart: in parts: row_a, row_b, relation, as there.
        old: relation, cluster, row of all clusters there are.
        count: of products; rows are below it.

    Returns:
        As there.
    """
    near = reached(strength, old)
    ties = (strength, held_together(near.select("row", name="cluster")))
    label = of_parts(_ends(ties, []), count)
    rows = pl.Series("row", np.flatnonzero(_linked(label)).astype(np.uint32))
    return attach(strength, products(rows), near, pl.concat(_within(part, label) for part in apart))


def _ends(edges: Iterable[pl.DataFrame], sizes: list[int]) -> Iterator[tuple[Rows, Rows]]:
    """Both ends of edges, part by part; notes how many each part has."""
    for part in edges:
        sizes.append(part.height)
        yield part["row_a"].to_numpy(), part["row_b"].to_numpy()


def _linked(label: Rows) -> _Bools:
    """Which rows have an edge."""
    linked: _Bools = label != np.arange(len(label), dtype=label.dtype)
    linked[label[linked]] = True
    return linked


def _within(apart: pl.DataFrame, label: Rows) -> pl.DataFrame:
    """Of the pairs that are apart those that chains could join."""
    return apart.filter(label[apart["row_a"].to_numpy()] == label[apart["row_b"].to_numpy()])


def _together(parts: Iterable[pl.DataFrame], least: int) -> Iterator[pl.DataFrame]:
    """Parts brought together until they have so many rows, so that files are few."""
    held: list[pl.DataFrame] = []
    for part in parts:
        held.append(part)
        if sum(each.height for each in held) >= least:
            yield pl.concat(held)
            held = []
    if held:
        yield pl.concat(held)
