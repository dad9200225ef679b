"""Edges resolved, from the partitions of products through blocks of components back into partitions.

Where all is resolved anew no table is ever whole in memory; of a later crawl its own edges are, and old clusters.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from m5tools import atomic
from m5tools.dedup.blocks import attach_to_old, blocks_in, cut_in_blocks, resolved_blocks
from m5tools.dedup.left import PRODUCTS, Left, Parts
from m5tools.generations import Generations
from m5tools.joins import buckets
from m5tools.stage import Counts
from m5tools.vocabulary import Relation

_BLOCKS: Final = "blocks"
_COUNTS: Final = "resolved"
_ORDER: Final = {"clusters": ("relation", "row"), "bridges": ("row", "other")}
_IDS: Final = {
    "clusters": {"cluster": "cluster_id", "row": "product_id"},
    "bridges": {"row": "product_id", "other": "other_id"},
}
"""What becomes of numbers."""


def connect(left: Left, edges: Parts, apart: Parts, grown: Generations) -> None:
    """Cut what there is into blocks of components; where a later crawl goes on from clusters, resolve it at once."""
    if left.base is None:
        cut_in_blocks(edges, left.parts(PRODUCTS), apart, left.first[-1], left.scratch / _BLOCKS)
    else:
        old = left.clusters(grown)
        _keep(left, 0, *attach_to_old(pl.concat(edges), left.products, apart, old, left.first[-1]))


def resolve(left: Left, nth: int, of: int) -> None:
    """Resolve every so many blocks from one on."""
    if left.base is None:
        for block in resolved_blocks(left.scratch / _BLOCKS, nth, of):
            _keep(left, *block)


def _keep(left: Left, block: int, clusters: pl.DataFrame, bridges: pl.DataFrame) -> None:
    """Keep the rows of a block; no other holds rows of its clusters."""
    for table, rows in (("clusters", clusters), ("bridges", bridges)):
        buckets.write(_file(left, table, block), rows, left.homes(rows["row"]), left.partitions)
    of = clusters.unique(["relation", "cluster"])["relation"]
    counts = {f"{r.value}_clusters": int((of == r.value).sum()) for r in Relation}
    atomic.write_json(_file(left, _COUNTS, block), {**counts, "bridges": bridges.height})


def parts(left: Left, table: str) -> Iterator[pl.DataFrame]:
    """The rows of `clusters` or `bridges` of each partition in turn, of all blocks, in order and with ids."""
    files = buckets.opened(_file(left, table, block) for block in _blocks(left))
    for partition in range(left.partitions):
        yield left.named(buckets.read(files, partition).sort(_ORDER[table]), **_IDS[table])


def counted(left: Left) -> Counts:
    """The clusters of each relation, and the bridges, of all blocks."""
    found: Counter[str] = Counter()
    for block in _blocks(left):
        found.update(json.loads(_file(left, _COUNTS, block).read_text(encoding="utf-8")))
    return dict(found)


def _blocks(left: Left) -> range:
    """The blocks of this run. Files of others that lie there are what a killed run left that cut otherwise."""
    return range(blocks_in(left.scratch / _BLOCKS) if left.base is None else 1)


def _file(left: Left, kind: str, block: int) -> Path:
    return left.scratch / kind / f"{block:05d}.{'json' if kind == _COUNTS else 'arrow'}"
