"""Sampling weights as a column of an overlay: how often each sample comes in an epoch, by the size of its category.

Sizes are those of the split, so a split's epoch keeps its length. A sample without a category comes once.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa

from m5tools import balancing, schema
from m5tools.shards.config import OverlayConfig
from m5tools.shards.manifest import ShardManifest


def factors(folder: Path, manifest: ShardManifest, config: OverlayConfig) -> pl.DataFrame:
    """`split, category, factor` of every category of every split.

    Args:
        folder: the shard folder.
        manifest: its manifest.
        config: an overlay that brings weights.
    """
    assert config.weights is not None
    found = [pl.DataFrame(schema={"split": pl.String, "category": pl.String, "factor": pl.Float64})]
    for split, files in sorted(manifest.splits.items()):
        read = [pl.read_parquet(folder / file.index, columns=["category"], glob=False) for file in files]
        if not read:
            continue
        sizes = pl.concat(read).drop_nulls().group_by("category").len().sort("category")
        factor = balancing.factors(
            config.weights, sizes["len"].to_numpy(), beta=config.beta, most=config.class_most, cap=config.cap
        )
        found.append(sizes.select(pl.lit(split).alias("split"), "category", factor=pl.Series(factor, dtype=pl.Float64)))
    return pl.concat(found)


def column_of(index: Path, split: str, known: pl.DataFrame, name: str) -> pa.Table:
    """`product_id` and the factors, float64, of one shard in its own order.

    Args:
        index: the shard's index.
        split: the split it belongs to.
        known: what :func:`factors` gave.
        name: of the column.
    """
    rows = pl.read_parquet(index, columns=["product_id", "category"], glob=False)
    mine = known.filter(pl.col("split") == split).select("category", "factor")
    joined = rows.join(mine, on="category", how="left", maintain_order="left")
    found = joined.select("product_id", pl.col("factor").fill_null(1.0).alias(name)).to_arrow()
    return found.cast(pa.schema([schema.law("shard_index").schema.field("product_id"), (name, pa.float64())]))
