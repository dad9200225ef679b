"""Clusters of millions of products in bounded memory: whole components of edges, some at a time.

No cluster reaches beyond what edges connect, however far chains are broken later, so what is apart or related elsewhere
has no say in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.append import attach, held_together, reached, unfollowed
from m5tools.dedup.clusters import connected, resolve

_EDGES_AT_ONCE: Final = 1_000_000
Products = Callable[[pl.Series], pl.DataFrame]
"""Gives products by their rows, sorted by row, with the columns that `resolve` and `attach` want."""


def resolve_in_blocks(
    strength: pl.DataFrame, products: Products, apart: Iterable[pl.DataFrame], at_once: int = _EDGES_AT_ONCE
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The clusters of all products.

    Args:
        strength: as for :func:`m5tools.dedup.clusters.resolve`.
        products: is asked for all that have an edge.
        apart: in parts: row_a, row_b, relation, as there.
        at_once: edges that are resolved together, about.

    Returns:
        What :func:`m5tools.dedup.clusters.resolve` and :func:`m5tools.dedup.append.unfollowed` give.
    """
    labels = connected(strength)
    parts = 1 + strength.height // at_once
    blocks = (
        _split(rows, labels, side, parts)
        for rows, side in (
            (strength, "row_a"), (products(labels["row"]), "row"), (_within(apart, labels), "row_a"),
        )
    )  # fmt: skip
    clusters, bridges = [], []
    for edges, mine, differ in zip(*blocks, strict=True):
        clusters.append(resolve(edges, mine, differ))
        bridges.append(unfollowed(edges, clusters[-1], mine))
    return pl.concat(clusters).sort("relation", "row"), pl.concat(bridges).sort("row", "other")


def attach_to_old(
    strength: pl.DataFrame, products: Products, apart: Iterable[pl.DataFrame], old: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The clusters that newcomers join or form, and the bridges.

    Args:
        strength: as for :func:`m5tools.dedup.append.attach`.
        products: is asked for all that have an edge, and for the members of old clusters that these reach.
        apart: in parts: row_a, row_b, relation, as there.
        old: relation, cluster, row of all clusters there are.

    Returns:
        As there.
    """
    near = reached(strength, old)
    ties = pl.concat([strength.select("row_a", "row_b"), held_together(near.select("row", name="cluster"))])
    labels = connected(ties)
    return attach(strength, products(labels["row"]), near, _within(apart, labels))


def _within(apart: Iterable[pl.DataFrame], labels: pl.DataFrame) -> pl.DataFrame:
    """Of the pairs that are apart those that chains could join."""
    alone = np.iinfo(np.uint32).max
    label = np.full(1 + int(labels["row"].max() or 0), alone, np.uint32)  # type: ignore[arg-type]
    label[labels["row"].to_numpy()] = labels["label"].to_numpy()
    found = []
    for part in apart:
        inside = part.filter(pl.all_horizontal(pl.col("row_a", "row_b") < label.size))
        one, other = (label[inside[side].to_numpy()] for side in ("row_a", "row_b"))
        found.append(inside.filter((one == other) & (one != alone)))
    return pl.concat(found)


def _split(rows: pl.DataFrame, labels: pl.DataFrame, side: str, parts: int) -> list[pl.DataFrame]:
    """Rows by the component of one of their products, in so many parts; in each their order stays."""
    home = labels.select(pl.col("row").alias(side), block=pl.col("label") % parts)
    split = rows.join(home, on=side, maintain_order="left").sort("block", maintain_order=True)
    bounds = np.searchsorted(split["block"].to_numpy(), np.arange(parts + 1))
    return [split[first:beyond].drop("block") for first, beyond in pairwise(bounds)]
