"""Pairs of duplicates, planted and found, of all of M5Product: counted by the groups that both of them are in.

What a pair is, :func:`m5tools.truth.relation_pairs` says: re-listed offers are the same product too, and variants are
pairs that are not. That function holds every pair as texts; here a product is three planted and three found numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from m5tools.dataset import Dataset
from m5tools.vocabulary import Relation

Ints = npt.NDArray[np.int64]
BATCH = 1 << 18
_DIGITS = 15
"""Of a cluster's id, a hash, so many hex digits are a number that tells it from all others."""


def batches(truth: Path, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """Columns of `truth.parquet`, some hundred thousand rows at a time."""
    for batch in pq.ParquetFile(truth).iter_batches(BATCH, columns=list(columns)):
        yield pl.DataFrame(pa.Table.from_batches([batch]))


@dataclass(frozen=True)
class Groups:
    """Of every planted product the groups that it was planted in and found in, int64; −1 where it is alone.

    Attributes:
        offer, instance, variant: planted.
        found: by relation.
    """

    offer: Ints
    instance: Ints
    variant: Ints
    found: dict[Relation, Ints]

    @classmethod
    def of(cls, truth: Path, dataset: Dataset) -> Groups:
        """Read both, a part at a time; products are known to both by their native ids, which are numbers."""
        names = ("native_id", "offer", "instance", "variant_group")
        parts = [
            batch.filter(pl.col("outcome") == "product").select(pl.col("native_id").cast(pl.Int64), *names[1:])
            for batch in batches(truth, ["outcome", *names])
        ]
        planted = pl.concat(parts).sort("native_id")
        ids = planted["native_id"].to_numpy()
        found = {relation: np.full(len(ids), -1, np.int64) for relation in Relation}
        for partition in range(dataset.partitions):
            products = dataset.read("products", partition=partition, columns=("product_id", "native_id"))
            clusters = dataset.read("clusters", partition=partition, columns=("product_id", "relation", "cluster_id"))
            named = clusters.join(products, on="product_id").select(
                "relation",
                pl.col("native_id").cast(pl.Int64),
                cluster=pl.col("cluster_id").str.head(_DIGITS).str.to_integer(base=16, dtype=pl.Int64),
            )
            for relation in Relation:
                mine = named.filter(pl.col("relation") == relation.value)
                native, cluster = mine["native_id"].to_numpy(), mine["cluster"].to_numpy()
                place = np.minimum(np.searchsorted(ids, native), len(ids) - 1)
                known = ids[place] == native
                found[relation][place[known]] = cluster[known]
        return cls(*(_shared(planted[name].to_numpy()) for name in names[1:]), found)

    def nested(self, relation: Relation) -> Ints:
        """The planted groups of one relation, with those of the stricter ones in them."""
        match relation:
            case Relation.SAME_OFFER:
                return self.offer
            case Relation.SAME_PRODUCT:
                return self.instance
            case _:
                return np.where(self.variant >= 0, self.variant, self.instance)

    def pairs(self, relation: Relation) -> tuple[int, int, int]:
        """Planted, found, right. Re-listed offers are the same product, too; variants are pairs that are not."""
        offers, products, variants = (self.found[r] for r in Relation)
        match relation:
            case Relation.SAME_OFFER:
                return _pairs(self.offer), _pairs(offers), _pairs(self.offer, offers)
            case Relation.SAME_PRODUCT:
                planted = _pairs(self.instance)
                found = _pairs(offers) + _without([products], [offers])
                return planted, found, _pairs(self.instance, offers) + _without([self.instance, products], [offers])
            case _:
                same = [offers, products]
                return (
                    _without([self.variant], [self.instance]),
                    _without([variants], same),
                    _without([self.variant, variants], [self.instance, *same]),
                )


def _shared(groups: Ints) -> Ints:
    """The groups, −1 for those of one product."""
    _, place, size = np.unique(groups, return_inverse=True, return_counts=True)
    return np.where(size[place] > 1, groups, -1)


def _pairs(*groups: Ints) -> int:
    """How many pairs of products are in one group by all of several groupings."""
    there = np.logical_and.reduce([group >= 0 for group in groups])
    rows = pl.DataFrame({str(i): group[there] for i, group in enumerate(groups)})
    sizes = rows.group_by(rows.columns).len()["len"].cast(pl.Int64)
    return int((sizes * (sizes - 1) // 2).sum())


def _without(groups: Sequence[Ints], others: Sequence[Ints]) -> int:
    """How many pairs are in one group by all of `groups` and by none of `others`: inclusion and exclusion."""
    return sum(
        (-1) ** size * _pairs(*groups, *chosen)
        for size in range(len(others) + 1)
        for chosen in combinations(others, size)
    )
