"""The stage `split`: train, val and test, stratified by leaf category, with no cluster of any relation across them.

Products joined by any relation form one group, and a group goes whole into one split. Within a category groups are
ordered by a seeded hash of their smallest product id and cut by systematic sampling: the middle of each group, as a
share of the category's products and shifted by a phase drawn per category, falls into val, test or train. Large
categories keep the wanted shares almost exactly; of small ones, the wanted shares of all their products together. A
category's cut depends on nothing outside it, and nothing depends on the order of rows or files.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import polars as pl
from pydantic import Field, model_validator
from xxhash import xxh3_64_intdigest

from m5tools.dataset import Dataset, partition_of
from m5tools.stage import Counts, Input, Stage, StageConfig, Unit, Work
from m5tools.vocabulary import Split
from m5tools.wording import category_key

_Share = Annotated[float, Field(ge=0, lt=1)]


class SplitConfig(StageConfig):
    """How products are split; train takes what val and test leave."""

    val: _Share = Field(0.1, description="share of products for validation")
    test: _Share = Field(0.1, description="share of products for the test")
    seed: int = Field(0, description="another seed, another split")

    @model_validator(mode="after")
    def _leaves_some(self) -> SplitConfig:
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val:g} and test {self.test:g} leave nothing to train on")
        return self


@dataclass(frozen=True)
class SplitStage(Stage):
    """Assigns every product to train, val or test."""

    name: ClassVar[str] = "split"
    version: ClassVar[int] = 1
    writes: ClassVar[tuple[str, ...]] = ("splits",)

    config: SplitConfig

    def inputs(self) -> tuple[Input, ...]:
        return (Input("products"), Input("clusters"))

    def rounds(self) -> tuple[str, ...]:
        return ("assign",)

    def units(self, dataset: Dataset, round_name: str) -> list[Unit]:
        return [Unit("all")]

    def process(self, round_name: str, unit: Unit, work: Work) -> Counts:
        products = (
            work.dataset.scan("products")
            .select("product_id", category=category_key(pl.col("category")).fill_null(""))
            .sort("product_id")
            .collect()
        )
        clusters = work.dataset.read("clusters", columns=("cluster_id", "product_id"))
        splits = assign(products, groups(products["product_id"], clusters), self.config)
        home = splits.select(partition_of(pl.col("product_id"), work.dataset.partitions)).to_series()
        for i in range(work.dataset.partitions):
            work.write("splits", i, splits.filter(home == i))
        return {split.value: int((splits["split"] == split.value).sum()) for split in Split}


def groups(product_ids: pl.Series, clusters: pl.DataFrame) -> pl.Series:
    """Which products must stay together.

    Args:
        product_ids: distinct, ascending.
        clusters: columns cluster_id, product_id; all relations.

    Returns:
        For each product the place (uint32) of its group's smallest product id in `product_ids`.
    """
    count = len(product_ids)
    places = pl.DataFrame({"product_id": product_ids, "place": np.arange(count, dtype=np.uint32)})
    linked = clusters.join(places, on="product_id").join(
        places, left_on="cluster_id", right_on="product_id", suffix="_cluster"
    )
    ends = (linked["place"].to_numpy(), linked["place_cluster"].to_numpy())
    from scipy.sparse import coo_array  # a quarter of a second to load, which every other stage would pay too
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(linked.height, bool), ends), shape=(count, count))
    _, component = connected_components(graph, directed=False)
    smallest = np.full(count, count, np.uint32)
    np.minimum.at(smallest, component, np.arange(count, dtype=np.uint32))
    return pl.Series("group", smallest[component])


def assign(products: pl.DataFrame, group: pl.Series, config: SplitConfig) -> pl.DataFrame:
    """The split of every product.

    Args:
        products: columns product_id (ascending) and category.
        group: per product the place of its group's smallest product.
        config: shares and seed.

    Returns:
        Columns product_id, split; in the order of `products`.
    """
    sized = products.with_columns(group=group).group_by("group", maintain_order=True).agg(size=pl.len())
    firsts = products[sized["group"].cast(pl.Int64)]
    drawn = (
        sized.with_columns(
            category=firsts["category"],
            draw=_draws(firsts["product_id"], config.seed),
        )
        .sort("category", "draw", "group")
        .with_columns(
            middle=(pl.col("size").cum_sum().over("category") - pl.col("size") / 2)
            / pl.col("size").sum().over("category")
        )
    )
    names = drawn["category"].unique().sort()
    phases = pl.DataFrame({"category": names, "phase": _draws(names, config.seed)})
    place = (pl.col("middle") + pl.col("phase")) % 1
    decided = drawn.join(phases, on="category").select(
        "group",
        split=pl.when(place < config.val)
        .then(pl.lit(Split.VAL.value))
        .when(place < config.val + config.test)
        .then(pl.lit(Split.TEST.value))
        .otherwise(pl.lit(Split.TRAIN.value)),
    )
    grouped = products.select("product_id").with_columns(group=group)
    return grouped.join(decided, on="group", maintain_order="left").select("product_id", "split")


def _draws(names: pl.Series, seed: int) -> pl.Series:
    """A number in [0, 1) for every name, a pure function of name and seed (xxh3-64)."""
    return pl.Series([xxh3_64_intdigest(name.encode(), seed) / 2**64 for name in names], dtype=pl.Float64)
