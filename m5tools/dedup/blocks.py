"""Clusters of millions of products in bounded memory: whole components of edges, some at a time.

No cluster reaches beyond what edges connect, however far chains are broken later, so what is apart or related elsewhere
has no say in it. Of all products only a word each is in memory (:mod:`m5tools.joins.components`); edges, products and
pairs that are apart go from part to part into files, cut by block. What is not cut is a component: one of half of all
products is a block of half of all products.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools import atomic
from m5tools.dedup.append import attach, held_together, reached, unfollowed
from m5tools.dedup.clusters import resolve
from m5tools.joins import buckets
from m5tools.joins.components import Rows, of_parts

_AT_ONCE: Final = 1_000_000
_CUT: Final = "cut.json"
_FACTS: Final = (
    "row", "product_id", "source", "once", "is_new", "gtin", "group", "modalities", "table_pairs", "files",
    "description_chars",
)  # fmt: skip
"""What `resolve` and `unfollowed` want to know of a product."""
Products = Callable[[pl.Series], pl.DataFrame]
"""Gives products by their rows, sorted by row, with the columns that `attach` wants."""
_Bools = npt.NDArray[np.bool_]


def cut_in_blocks(
    edges: Iterable[pl.DataFrame],
    products: Iterable[pl.DataFrame],
    apart: Iterable[pl.DataFrame],
    count: int,
    folder: Path,
    at_once: int = _AT_ONCE,
) -> None:
    """Find the components of edges, and leave what is to be resolved in blocks of them.

    Args:
        edges: in parts, at least one, that can be gone through twice: as for :func:`m5tools.dedup.clusters.resolve`.
        products: in parts: row (ascending over all) and the columns wanted there, and is_new.
        apart: in parts: row_a, row_b, relation, as there.
        count: of products; rows are below it.
        folder: where to.
        at_once: rows that are held at once of what goes from part to part, and edges of a block, about.
    """
    sizes: list[int] = []
    label = of_parts(_ends(edges, sizes), count)
    blocks = 1 + sum(sizes) // at_once
    linked = _linked(label)
    kinds = {
        "edges": (edges, "row_a"),
        "products": ((part.select(_FACTS).filter(linked[part["row"].to_numpy()]) for part in products), "row"),
        "apart": ((_within(part, label) for part in apart), "row_a"),
    }
    files: dict[str, list[str]] = {}
    for kind, (parts, side) in kinds.items():
        files[kind] = []
        for number, rows in enumerate(_together(parts, at_once)):
            files[kind].append(f"{kind}-{number:05d}.arrow")
            block = pl.Series(label[rows[side].to_numpy()] % np.uint32(blocks))
            buckets.write(folder / files[kind][-1], rows, block, blocks)
    atomic.write_json(folder / _CUT, {"blocks": blocks, "files": files})


def blocks_in(folder: Path) -> int:
    """How many blocks :func:`cut_in_blocks` left in a folder."""
    count: int = _cut(folder)["blocks"]
    return count


def resolved_blocks(folder: Path, nth: int = 0, of: int = 1) -> Iterator[tuple[int, pl.DataFrame, pl.DataFrame]]:
    """The clusters and bridges of each block, or of every so many blocks from one on.

    Args:
        folder: what :func:`cut_in_blocks` was given.
        nth: the first.
        of: how far the next is.

    Returns:
        The number of each block, and what :func:`m5tools.dedup.clusters.resolve` and
        :func:`m5tools.dedup.append.unfollowed` give of it.
    """
    cut = _cut(folder)
    kinds = ("edges", "products", "apart")
    opened = [buckets.opened(folder / name for name in cut["files"][kind]) for kind in kinds]
    for block in range(nth, cut["blocks"], of):
        edges, products, apart = (buckets.read(files, block) for files in opened)
        clusters = resolve(edges, products, apart)
        yield block, clusters, unfollowed(edges, clusters, products)


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


def _cut(folder: Path) -> dict[str, Any]:
    cut: dict[str, Any] = json.loads((folder / _CUT).read_text(encoding="utf-8"))
    return cut


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
