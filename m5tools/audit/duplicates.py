"""Clusters of duplicates by relation and size, and the check that none of them crosses a split."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from m5tools.audit import columns
from m5tools.audit.columns import NotYet
from m5tools.dataset import Dataset
from m5tools.vocabulary import Relation, Split

EXAMPLES = 3
"""Leaking clusters shown of each relation."""
SIZE_BANDS = ((2, 2), (3, 3), (4, 5), (6, 10), (11, 100), (101, None))


@dataclass(frozen=True)
class SizeBand:
    """Clusters with `least` to `most` products (None: no upper end)."""

    least: int
    most: int | None
    clusters: int


@dataclass(frozen=True)
class Clusters:
    """The clusters of one relation.

    Attributes:
        redundant: products that are not the survivor of their cluster.
        sizes: how many clusters there are of each size.
    """

    relation: str
    clusters: int
    products: int
    redundant: int
    largest: int
    sizes: tuple[SizeBand, ...]


@dataclass(frozen=True)
class Evidence:
    """Edges that one kind of evidence decided, one count a relation from the strictest to the loosest."""

    evidence: str
    edges: tuple[int, ...]


@dataclass(frozen=True)
class Duplicates:
    """The duplicate section."""

    relations: tuple[Clusters, ...]
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class SplitSize:
    """One split: its products and their share."""

    split: str
    products: int
    share: float


@dataclass(frozen=True)
class Placed:
    """A product and its split."""

    product_id: str
    split: str


@dataclass(frozen=True)
class LeakExample:
    """A cluster that lies in more than one split, with a product of each."""

    cluster_id: str
    products: tuple[Placed, ...]


@dataclass(frozen=True)
class Leak:
    """Clusters of one relation.

    Attributes:
        checked: clusters with a product in any split.
        clusters: of these those whose products lie in more than one.
        products: in these.
        examples: a few of them, by the smallest ids.
    """

    relation: str
    checked: int
    clusters: int
    products: int
    examples: tuple[LeakExample, ...]


@dataclass(frozen=True)
class Splits:
    """The split section.

    Attributes:
        unassigned: products in no split.
        leaks: one entry a relation, or what to run before the check can be made.
    """

    splits: tuple[SplitSize, ...]
    unassigned: int
    leaks: tuple[Leak, ...] | NotYet


def count(dataset: Dataset) -> Duplicates:
    """Count the duplicate section."""
    keys = ["relation", "cluster_id"]
    size = pl.len().cast(pl.Int64).alias("size")
    redundant = (~pl.col("is_survivor")).sum().cast(pl.Int64).alias("redundant")
    sizes = columns.summed(
        dataset, lambda i: dataset.scan("clusters", partition=i).group_by(keys).agg(size, redundant), keys
    )
    return Duplicates(
        tuple(_relation(r, sizes.filter(pl.col("relation") == r.value)) for r in Relation), _evidence(dataset)
    )


def splits(dataset: Dataset, products: int) -> Splits:
    """Count the split section and look for leaks."""
    counted = columns.summed(
        dataset,
        lambda i: dataset.scan("splits", partition=i).group_by("split").agg(pl.len().cast(pl.Int64).alias("products")),
        ["split"],
    )
    by_split = dict(counted.iter_rows())
    names = [*(s.value for s in Split), *(name for name in by_split if name not in set(Split))]
    sizes = tuple(SplitSize(name, by_split.get(name, 0), by_split.get(name, 0) / max(1, products)) for name in names)
    leaks = _leaks(dataset) if columns.has(dataset, "clusters") else NotYet("m5 dedup")
    return Splits(sizes, products - sum(by_split.values()), leaks)


def _relation(relation: Relation, clusters: pl.DataFrame) -> Clusters:
    size = clusters["size"]
    bands = tuple(
        SizeBand(least, most, int(((size >= least) & (size <= (most or size.max() or least))).sum()))
        for least, most in SIZE_BANDS
    )
    redundant = int(clusters["redundant"].sum())
    largest = int(size.sort()[-1]) if clusters.height else 0
    return Clusters(relation.value, clusters.height, int(size.sum()), redundant, largest, bands)


def _evidence(dataset: Dataset) -> tuple[Evidence, ...]:
    edges = [(pl.col("relation") == r.value).sum().cast(pl.Int64).alias(r.value) for r in Relation]
    counted = columns.summed(
        dataset, lambda i: dataset.scan("edges", partition=i).group_by("evidence").agg(edges), ["evidence"]
    )
    return tuple(Evidence(columns.shown(kind, 60), tuple(by_relation)) for kind, *by_relation in counted.iter_rows())


def _leaks(dataset: Dataset) -> tuple[Leak, ...]:
    """Clusters of every relation that cross splits; a cluster's products may lie in several partitions."""
    keys = ["relation", "cluster_id"]
    first = {"least": pl.col("product_id").min(), "products": pl.len().cast(pl.Int64)}
    homes = [
        dataset.scan("clusters", partition=i)
        .join(dataset.scan("splits", partition=i), on="product_id")
        .group_by(*keys, "split")
        .agg(**first)
        .collect()
        for i in range(dataset.partitions)
    ]
    placed = pl.concat(homes).group_by(*keys, "split").agg(pl.col("least").min(), pl.col("products").sum())
    checked = dict(placed.group_by("relation").agg(pl.col("cluster_id").n_unique()).iter_rows())
    crossing = placed.filter(pl.len().over(keys) > 1).sort(*keys, "split")
    return tuple(_leak(r, checked.get(r.value, 0), crossing.filter(pl.col("relation") == r.value)) for r in Relation)


def _leak(relation: Relation, checked: int, crossing: pl.DataFrame) -> Leak:
    ids = crossing["cluster_id"].unique(maintain_order=True)
    shown = crossing.filter(pl.col("cluster_id").is_in(ids.head(EXAMPLES).implode()))
    examples = tuple(
        LeakExample(str(name), tuple(Placed(p, columns.shown(s, 40)) for p, s in rows.select("least", "split").rows()))
        for (name,), rows in shown.partition_by("cluster_id", as_dict=True, maintain_order=True).items()
    )
    return Leak(relation.value, checked, ids.len(), int(crossing["products"].sum()), examples)
