"""From the tables of a dataset to the rows of shards: a seeded order, and everything one sample needs in one row.

The order of a split is that of a seeded hash of the product ids, so neither files, crawls nor workers can move a
sample. All of it is columnar; a partition is gathered at a time, already sorted by shard, so that the unit that writes
a shard reads little more than its own rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import polars as pl
import xxhash

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.listing import usable_files
from m5tools.shards import record
from m5tools.vocabulary import MEDIA, Modality

_FILE = ("modality", "asset_id", "uri", "offset", "length")
_GATHERED = ("attributes", "texts", "merged_media")
_GROUPS = pl.col("modality").replace_strict(
    {Modality.IMAGE.value: 0, Modality.AUDIO.value: 1, Modality.VIDEO.value: 3}, return_dtype=pl.Int32
)
"""Of merged records, as of others: pictures, then a sound, then a clip."""


class Selection(Protocol):
    """The part of the stage's config that decides what is gathered."""

    @property
    def cut(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def max_images(self) -> int: ...


def order(products: pl.DataFrame, seed: int, samples_per_shard: int) -> pl.DataFrame:
    """Where each product goes.

    Args:
        products: columns `product_id`, `split`.
        seed: another seed, another order.
        samples_per_shard: how many make a shard.

    Returns:
        `product_id`, `split`, `shard` (number within the split), `place` (row within the shard), in that order.
    """
    draws = [xxhash.xxh3_64_intdigest(i.encode(), seed) for i in products["product_id"]]
    return (
        products.select("product_id", "split")
        .with_columns(draw=pl.Series(draws, dtype=pl.UInt64))
        .sort("split", "draw", "product_id")
        .with_columns(rank=pl.int_range(pl.len()).over("split"))
        .select(
            "product_id",
            "split",
            shard=(pl.col("rank") // samples_per_shard).cast(pl.Int32),
            place=(pl.col("rank") % samples_per_shard).cast(pl.Int32),
        )
    )


def rows(dataset: Dataset, partition: int, selection: Selection, plan: pl.DataFrame) -> pl.DataFrame:
    """The samples of one partition: `split`, `shard`, `place`, the columns of the cut, `tags`, `json`, `files`.

    `files` lists the present media that the cut allows: pictures by position, then one sound, then one clip.
    """
    cut = dataset.scan("cut_products", partition=partition, cut=selection.cut)
    samples = cut.drop("split").join(plan.lazy(), on="product_id")
    ids = samples.select("product_id")
    products = dataset.scan("products", partition=partition).join(ids, on="product_id", how="semi")
    told = (
        products.select("product_id", *(n for n in record.FIELDS if n not in ("product_id", *_GATHERED)))
        .join(_attributes(dataset, partition, selection.cut), on="product_id", how="left")
        .join(_merged_media(dataset, partition, selection.cut), on="product_id", how="left")
        .join(_texts(dataset, partition, products), on="product_id", how="left")
        .join(samples.select("product_id", "present"), on="product_id")
        .select("product_id", json=record.encoded(pl.col("present")))
    )
    tags = (
        dataset.scan("tags", partition=partition, policy=selection.policy)
        .group_by("product_id")
        .agg(tags=pl.col("tag").unique().sort())
    )
    return (
        samples.join(told, on="product_id", how="left")
        .join(tags, on="product_id", how="left")
        .join(_files(dataset, partition, samples, selection), on="product_id", how="left")
        .with_columns(pl.col("tags", "files").fill_null([]))
        .sort("split", "shard", "place")
        .collect()
    )


def save(path: Path, frame: pl.DataFrame, samples_per_group: int) -> None:
    """Write gathered rows; small row groups let a shard's unit skip what is not its own."""
    with atomic.whole_file(path) as temporary:
        frame.write_parquet(temporary, row_group_size=samples_per_group, statistics=True)


def load(paths: list[Path], split: str, shard: int) -> pl.DataFrame:
    """The rows of one shard in their order."""
    mine = (pl.col("split") == split) & (pl.col("shard") == shard)
    return pl.scan_parquet(paths, glob=False).filter(mine).collect().sort("place")


def _attributes(dataset: Dataset, partition: int, cut: str) -> pl.LazyFrame:
    """Per product its attribute table: that of the merged record where the cut made one."""
    merged = dataset.scan("cut_attributes", partition=partition, cut=cut)
    own = dataset.scan("attributes", partition=partition).filter(pl.col("value").is_not_null())
    said = ("product_id", "position", "name", "value", "unit")
    return (
        pl.concat(
            [
                own.select(*said, listed_by=pl.lit([], pl.List(pl.String))).join(
                    _merged(dataset, partition, cut), on="product_id", how="anti"
                ),
                merged.select(*said, listed_by=_ids(pl.col("listed_by"))),
            ]
        )
        .sort("product_id", "position")
        .group_by("product_id", maintain_order=True)
        .agg(attributes=pl.struct("name", "value", "unit", "listed_by"))
    )


def _merged(dataset: Dataset, partition: int, cut: str) -> pl.LazyFrame:
    """The products that stand for several."""
    kept = dataset.scan("cut_products", partition=partition, cut=cut)
    return kept.filter(pl.col("merged_from").is_not_null()).select("product_id")


def _ids(listed_by: pl.Expr) -> pl.Expr:
    return listed_by.list.eval(pl.element().struct.field("product_id"))


def _merged_media(dataset: Dataset, partition: int, cut: str) -> pl.LazyFrame:
    return (
        dataset.scan("cut_media", partition=partition, cut=cut)
        .sort("product_id", "modality", "position")
        .group_by("product_id", maintain_order=True)
        .agg(merged_media=pl.struct("modality", "asset_id", listed_by=_ids(pl.col("listed_by"))))
    )


def _texts(dataset: Dataset, partition: int, products: pl.LazyFrame) -> pl.LazyFrame:
    """Texts beside the main title and description."""
    main = products.select("product_id", "title", "description")
    repeats = pl.col("value").eq_missing(pl.col("title")) | pl.col("value").eq_missing(pl.col("description"))
    return (
        dataset.scan("texts", partition=partition)
        .join(main, on="product_id")
        .filter(~repeats)
        .sort("product_id", "role", "position")
        .group_by("product_id", maintain_order=True)
        .agg(texts=pl.struct("role", "language", "value"))
    )


def _files(dataset: Dataset, partition: int, samples: pl.LazyFrame, selection: Selection) -> pl.LazyFrame:
    """Per product the files to put into the shard, in the order in which they are tried."""
    listed = ("product_id", "modality", "group", "position", "asset_id")
    merged = dataset.scan("cut_media", partition=partition, cut=selection.cut)
    own = usable_files(dataset, partition).join(_merged(dataset, partition, selection.cut), on="product_id", how="anti")
    found = pl.concat([own.select(listed), merged.with_columns(group=_GROUPS).select(listed)], how="vertical_relaxed")
    bit = pl.col("modality").replace_strict({m.value: m.bit for m in MEDIA}, return_dtype=pl.Int64)
    most = pl.when(pl.col("bit") == Modality.IMAGE.bit).then(selection.max_images).otherwise(1)
    allowed = (pl.col("present").cast(pl.Int64) // (2 ** pl.col("bit"))) % 2 == 1
    return (
        found.with_columns(bit=bit)
        .join(samples.select("product_id", "present"), on="product_id")
        .filter(allowed)
        .join(dataset.scan("assets").select("asset_id", "uri", "offset", "length"), on="asset_id")
        .sort("product_id", "group", "position", "asset_id")
        .unique(["product_id", "bit", "asset_id"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("product_id", "bit") < most)
        .group_by("product_id", maintain_order=True)
        .agg(files=pl.struct(*_FILE))
    )
