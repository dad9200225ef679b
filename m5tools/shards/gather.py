"""From the tables of a dataset to the rows of shards: a seeded order, and everything one sample needs in one row.

The order of a split is that of a seeded hash of the product ids, so neither files, crawls nor workers can move a
sample. All of it is columnar; a partition is gathered at a time, sorted by shard, into an Arrow file, from which
:mod:`m5tools.shards.collate` takes the rows of a shard.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Protocol

import polars as pl
import pyarrow as pa
import xxhash

from m5tools import atomic
from m5tools.dataset import Dataset
from m5tools.shards import record
from m5tools.shards.files import FilesOf, Known, files, merged_records
from m5tools.vocabulary import Modality, Split, bit_mask

_GATHERED: Final = ("attributes", "texts", "merged_media")
_ROLES: Final = ("coarse", "fine", "classification")
_SPLITS: Final = pl.Enum([split.value for split in Split])


class Selection(Protocol):
    """The part of the stage's config that decides what is gathered."""

    @property
    def cut(self) -> str: ...
    @property
    def policy(self) -> str: ...
    @property
    def max_images(self) -> int: ...


class Additions(FilesOf, Protocol):
    """The part of an overlay's settings that decides what is gathered."""

    @property
    def modalities(self) -> tuple[Modality, ...]: ...


def order(products: pl.DataFrame, seed: int, samples_per_shard: int) -> pl.DataFrame:
    """Where each product goes.

    Args:
        products: columns `product_id`, `split`.
        seed: another seed, another order.
        samples_per_shard: how many make a shard.

    Returns:
        `product_id`, `split`, `shard` (number within the split), `number` (over all splits: train, val, test), `place`
        (row within the shard), in that order.
    """
    draws = [xxhash.xxh3_64_intdigest(i.encode(), seed) for i in products["product_id"]]
    rank = pl.int_range(pl.len()).over("split")
    place = pl.col("rank") % samples_per_shard
    return (
        products.select("product_id", "split")
        .with_columns(draw=pl.Series(draws, dtype=pl.UInt64))
        .sort(pl.col("split").cast(_SPLITS), "draw", "product_id")
        .with_columns(rank=rank)
        .with_columns(place=place.cast(pl.Int32), shard=(pl.col("rank") // samples_per_shard).cast(pl.Int32))
        .with_columns(number=(pl.col("place") == 0).cum_sum().cast(pl.Int32) - 1)
        .select("product_id", "split", "shard", "number", "place")
    )


def rows(dataset: Dataset, partition: int, selection: Selection, plan: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The samples of one partition: the columns of the plan and the cut, `tags`, the roles, `text_length`,
    `json`, `files`, in the order of the shards.

    `files` lists the present media that the cut allows: pictures by position, then one sound, then one clip.

    Args:
        dataset: where the tables are.
        partition: which of its partitions.
        selection: what to take.
        plan: of :func:`order`; the partition's rows will do.
        known: of its files.
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
        .select("product_id", json=record.encoded(pl.col("present")), text_length=record.text_length(pl.col("present")))
    )
    tags = (
        dataset.scan("tags", partition=partition, policy=selection.policy)
        .group_by("product_id")
        .agg(tags=pl.col("tag").unique().sort())
    )
    roles = dataset.scan("roles", partition=partition).select("product_id", *_ROLES)
    return (
        samples.join(told, on="product_id", how="left")
        .join(tags, on="product_id", how="left")
        .join(roles, on="product_id", how="left")
        .join(files(dataset, partition, samples, selection, known), on="product_id", how="left")
        .with_columns(pl.col("tags", "files").fill_null([]))
        .sort("number", "place")
        .collect()
    )


def additions(dataset: Dataset, partition: int, choice: Additions, base: pl.DataFrame, known: Known) -> pl.DataFrame:
    """The rows of one partition of shards that stand, with the media that a later cut allows and they lack.

    Args:
        dataset: where the tables are.
        partition: which of its partitions.
        choice: the cut, and how many pictures.
        base: the columns of the plan, and `present`, `state`, `reason` and `tags` of the shards' index; a product
            that the cut has in another split gets nothing: nothing of a test product may come into training.
        known: of its files.

    Returns:
        The same columns and `files`; `present` tells of the additions alone, `state` and `reason` are the cut's.
    """
    cut = dataset.scan("cut_products", partition=partition, cut=choice.cut)
    allowed = cut.select("product_id", "split", allowed="present", now="state", why="reason")
    here = (
        base.lazy()
        .join(allowed, on=["product_id", "split"], how="left", maintain_order="left")
        .with_columns(
            present=pl.col("allowed").fill_null(0) & ~pl.col("present") & pl.lit(bit_mask(choice.modalities), pl.UInt8),
            state=pl.col("now").fill_null(pl.col("state")),
            reason=pl.col("why").fill_null(pl.col("reason")),
        )
        .drop("allowed", "now", "why")
    )
    return (
        here.join(files(dataset, partition, here, choice, known), on="product_id", how="left")
        .with_columns(pl.col("files").fill_null([]))
        .sort("number", "place")
        .collect()
    )


def save(path: Path, frame: pl.DataFrame) -> None:
    """Write rows as one Arrow record batch that can be mapped into memory."""
    with atomic.whole_file(path) as temporary, pa.OSFile(str(temporary), "wb") as sink:
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
        with pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)


def _attributes(dataset: Dataset, partition: int, cut: str) -> pl.LazyFrame:
    """Per product its attribute table: that of the merged record where the cut made one."""
    merged = dataset.scan("cut_attributes", partition=partition, cut=cut)
    own = dataset.scan("attributes", partition=partition).filter(pl.col("value").is_not_null())
    said = ("product_id", "position", "name", "value", "unit")
    return (
        pl.concat(
            [
                own.select(*said, listed_by=pl.lit([], pl.List(pl.String))).join(
                    merged_records(dataset, partition, cut), on="product_id", how="anti"
                ),
                merged.select(*said, listed_by=_ids(pl.col("listed_by"))),
            ]
        )
        .sort("product_id", "position")
        .group_by("product_id", maintain_order=True)
        .agg(attributes=pl.struct("name", "value", "unit", "listed_by"))
    )


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
