"""Which products stand for a tag, for a state and reason of a modality, for a relation.

A sample is the products whose ids, mixed with the seed, come first. Ids are hashes, so that is a fair draw which costs
one pass over narrow columns and comes out the same every time, whatever the order of files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from m5tools.audit import columns
from m5tools.dataset import Dataset
from m5tools.vocabulary import Reason, Relation, State

MEMBERS = 6
"""Products of a cluster that are shown; of a larger one the first, its survivor among them."""

_DIGITS = slice(17, 32)
"""Hex digits of an id that order the draw: equal records without a native id share the first four of theirs."""

Kind = Literal["tag", "state", "relation"]
Row = dict[str, Any]


@dataclass(frozen=True)
class Example:
    """A product with a tag or a state.

    Attributes:
        asset_id: the file that was judged; None for texts, tables, pairs and states.
        signal, value, comparison, threshold: what the tag rests on; None for states.
    """

    product_id: str
    asset_id: str | None = None
    signal: str | None = None
    value: float | None = None
    comparison: str | None = None
    threshold: float | None = None


@dataclass(frozen=True)
class Cluster:
    """A cluster of duplicates.

    Attributes:
        products: how many it has.
        members: the ids shown, the survivor first.
        edges: rows of `edges` between them.
    """

    cluster_id: str
    products: int
    members: tuple[str, ...]
    edges: tuple[Row, ...]


@dataclass(frozen=True)
class Shelf:
    """Examples of one thing.

    Attributes:
        key: what links name it by: "image.blank", "image failed dead_link", "variant".
        modality: whose tag or state it is; empty for a relation.
        total: how many products (of a relation: clusters) there are to draw from.
    """

    kind: Kind
    key: str
    modality: str
    total: int
    examples: tuple[Example, ...] = ()
    clusters: tuple[Cluster, ...] = field(default=())

    @property
    def products(self) -> tuple[str, ...]:
        """The products on it."""
        return tuple(e.product_id for e in self.examples) + tuple(m for c in self.clusters for m in c.members)


def tags(dataset: Dataset, policy: str, seed: int, most: int) -> list[Shelf]:
    """One shelf a tag, by name."""
    keys = ["tag", "modality"]

    def tagged(partition: int) -> pl.LazyFrame:
        rows = dataset.scan("tags", partition=partition, policy=policy)
        return rows.group_by(*keys, "product_id").agg(pl.col("asset_id").min())

    drawn, totals = _draw(dataset, tagged, keys, seed, most)
    judged = ["signal", "value", "comparison", "threshold"]
    wanted = dataset.scan("tags", policy=policy).filter(pl.col("product_id").is_in(drawn["product_id"].implode()))
    verdicts = wanted.select("tag", "product_id", "asset_id", *judged).collect()
    rows = drawn.join(
        verdicts.unique(["tag", "product_id", "asset_id"], keep="first", maintain_order=True),
        on=["tag", "product_id", "asset_id"],
        how="left",
        nulls_equal=True,
        maintain_order="left",
    )
    shelves = []
    for (tag, modality), examples in rows.group_by(keys, maintain_order=True):
        found = tuple(Example(*row) for row in examples.select("product_id", "asset_id", *judged).iter_rows())
        shelves.append(Shelf("tag", str(tag), str(modality), totals[tag, modality], found))
    return shelves


def states(dataset: Dataset, policy: str, seed: int, most: int) -> list[Shelf]:
    """One shelf a state and reason of each modality, in order of modality and codes."""
    keys = ["modality", "state", "reason"]

    def stated(partition: int) -> pl.LazyFrame:
        return dataset.scan("modalities", partition=partition, policy=policy).select(*keys, "product_id")

    drawn, totals = _draw(dataset, stated, keys, seed, most)
    shelves = []
    for (modality, state, reason), examples in drawn.group_by(keys, maintain_order=True):
        key = state_key(str(modality), State(int(state)).word, Reason(int(reason)).word)
        found = tuple(Example(product_id) for product_id in examples["product_id"])
        shelves.append(Shelf("state", key, str(modality), totals[modality, state, reason], found))
    return shelves


def state_key(modality: str, state: str, reason: str) -> str:
    """The key of the shelf of a state and reason."""
    return f"{modality} {state}" if reason == Reason.NONE.word else f"{modality} {state} {reason}"


def relations(dataset: Dataset, seed: int, most: int) -> list[Shelf]:
    """One shelf a relation that has clusters, from the strictest."""

    def named(partition: int) -> pl.LazyFrame:
        rows = dataset.scan("clusters", partition=partition)
        # A cluster is named after one of its products, so each is met in one partition only.
        return rows.filter(pl.col("product_id") == pl.col("cluster_id")).select("relation", "product_id")

    drawn, totals = _draw(dataset, named, ["relation"], seed, most)
    ids = drawn["product_id"].unique().implode()
    members = pl.concat(
        dataset.scan("clusters", partition=i).filter(pl.col("cluster_id").is_in(ids)).collect()
        for i in range(dataset.partitions)
    ) if dataset.partitions else pl.DataFrame(schema={"relation": pl.String})  # fmt: skip
    shelves = []
    for relation in Relation:
        mine = drawn.filter(pl.col("relation") == relation.value)
        if mine.is_empty():
            continue
        order = {cluster: place for place, cluster in enumerate(mine["product_id"])}
        inside = members.filter(pl.col("relation") == relation.value, pl.col("cluster_id").is_in(list(order)))
        inside = inside.sort(~pl.col("is_survivor"), "product_id")
        shown = inside.group_by("cluster_id", maintain_order=True).agg(
            pl.len().alias("products"), pl.col("product_id").head(MEMBERS)
        )
        edges = _edges(dataset, shown)
        found = [Cluster(c, n, tuple(products), edges.get(c, ())) for c, n, products in shown.iter_rows()]
        found.sort(key=lambda cluster: order[cluster.cluster_id])
        shelves.append(Shelf("relation", relation.value, "", totals[relation.value,], clusters=tuple(found)))
    return shelves


def _edges(dataset: Dataset, shown: pl.DataFrame) -> dict[str, tuple[Row, ...]]:
    """The edges between the members shown, by cluster; a loose relation rests on edges of the strict ones, too."""
    home = shown.select("cluster_id", "product_id").explode("product_id")
    ids = home["product_id"].implode()
    rows = dataset.scan("edges").filter(pl.col("product_a").is_in(ids) & pl.col("product_b").is_in(ids)).collect()
    rows = rows.join(home, left_on="product_a", right_on="product_id")
    rows = rows.join(home, left_on=["product_b", "cluster_id"], right_on=["product_id", "cluster_id"], how="semi")
    found: dict[str, list[Row]] = {}
    for row in rows.sort("product_a", "product_b", "evidence").to_dicts():
        found.setdefault(row.pop("cluster_id"), []).append(row)
    return {cluster: tuple(edges) for cluster, edges in found.items()}


def _draw(
    dataset: Dataset, rows_of: Callable[[int], pl.LazyFrame], keys: Sequence[str], seed: int, most: int
) -> tuple[pl.DataFrame, dict[tuple[Any, ...], int]]:
    """Up to `most` rows of each key, in order of key and draw, and how many rows each key has.

    Args:
        rows_of: of one partition: the keys and `product_id`, no pair of them twice.
    """
    counted = columns.summed(
        dataset, lambda i: rows_of(i).group_by(keys).agg(pl.len().cast(pl.Int64).alias("total")), keys
    )
    firsts = [
        rows_of(i).with_columns(draw=_drawn(seed)).sort("draw", "product_id").group_by(keys, maintain_order=True)
        .head(most).collect()
        for i in range(dataset.partitions)
    ] or [rows_of(0).with_columns(draw=_drawn(seed)).collect()]  # fmt: skip
    drawn = pl.concat(firsts).sort(*keys, "draw", "product_id").group_by(keys, maintain_order=True).head(most)
    return drawn, {tuple(key): total for *key, total in counted.iter_rows()}


def _drawn(seed: int) -> pl.Expr:
    """The place of each product in the draw: sixty bits of its id, each flipped or not as the seed says."""
    digits = _DIGITS.stop - _DIGITS.start
    flips = int(hashlib.sha256(f"gallery {seed}".encode()).hexdigest()[:digits], 16)
    bits = pl.col("product_id").str.slice(_DIGITS.start, digits).str.to_integer(base=16, strict=False, dtype=pl.Int64)
    return bits.fill_null(0) ^ flips
