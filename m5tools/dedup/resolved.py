"""What blocks of components came to, brought back into the partitions of products: whole tables are never in memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl

from m5tools.dedup.left import Left
from m5tools.joins import buckets
from m5tools.stage import Counts
from m5tools.vocabulary import Relation

_ORDER: Final = {"clusters": ("relation", "row"), "bridges": ("row", "other")}
_IDS: Final = {
    "clusters": {"cluster": "cluster_id", "row": "product_id"},
    "bridges": {"row": "product_id", "other": "other_id"},
}
"""What becomes of numbers."""


class Resolved:
    """Rows of `clusters` and `bridges`, added block by block and read partition by partition.

    Args:
        left: where to keep them meanwhile.

    Attributes:
        counts: clusters of each relation, and bridges.
    """

    def __init__(self, left: Left) -> None:
        self.counts: Counts = {**{f"{r.value}_clusters": 0 for r in Relation}, "bridges": 0}
        self._left = left
        self._files: dict[str, list[Path]] = {table: [] for table in _ORDER}

    def add(self, clusters: pl.DataFrame, bridges: pl.DataFrame) -> None:
        """Add a block: no other holds rows of its clusters."""
        for table, rows in (("clusters", clusters), ("bridges", bridges)):
            files = self._files[table]
            files.append(self._left.scratch / table / f"{len(files):05d}.arrow")
            buckets.write(files[-1], rows, self._left.homes(rows["row"]), self._left.partitions)
        of = clusters.unique(["relation", "cluster"])["relation"]
        for relation in Relation:
            self.counts[f"{relation.value}_clusters"] += int((of == relation.value).sum())
        self.counts["bridges"] += bridges.height

    def parts(self, table: str) -> Iterator[pl.DataFrame]:
        """The rows of each partition in turn, in order and with ids."""
        files = buckets.opened(self._files[table])
        for partition in range(self._left.partitions):
            rows = buckets.read(files, partition).sort(_ORDER[table])
            yield self._left.named(rows, **_IDS[table])
