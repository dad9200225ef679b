"""The media files of products, in the order in which they go into a sample, with what was measured of them."""

from __future__ import annotations

from typing import Final, Protocol

import polars as pl

from m5tools.dataset import Dataset
from m5tools.listing import usable_files
from m5tools.vocabulary import MEDIA, Modality, State

_FILE: Final = ("modality", "track", "asset_id", "uri", "offset", "length", "mime", "width", "height", "duration_s")
_LISTED: Final = ("product_id", "modality", "group", "position", "asset_id")
_GROUPS: Final = pl.col("modality").replace_strict(
    {Modality.IMAGE.value: 0, Modality.AUDIO.value: 1, Modality.VIDEO.value: 3}, return_dtype=pl.Int32
)
"""Of merged records, as of others: pictures, then a sound, then a clip."""


class FilesOf(Protocol):
    """The part of the stage's config that decides which files are taken."""

    @property
    def cut(self) -> str: ...
    @property
    def max_images(self) -> int: ...


def files(
    dataset: Dataset, partition: int, samples: pl.LazyFrame, choice: FilesOf, made: pl.LazyFrame | None
) -> pl.LazyFrame:
    """Per product its files, in the order in which they are tried.

    Args:
        dataset: where the tables are.
        partition: which of its partitions.
        samples: `product_id` and `present`, whose bits say which media may be taken.
        choice: how many.
        made: `modality`, `asset_id` and `made`, members of other shards that were made from it; None where there are
            none.

    Returns:
        `product_id` and `files`, a list of structs: the fields of :class:`m5tools.shards.encode.File`, and `made`.
    """
    merged = dataset.scan("cut_media", partition=partition, cut=choice.cut)
    own = usable_files(dataset, partition).join(
        merged_records(dataset, partition, choice.cut), on="product_id", how="anti"
    )
    found = pl.concat([own.select(_LISTED), merged.with_columns(group=_GROUPS).select(_LISTED)], how="vertical_relaxed")
    bit = pl.col("modality").replace_strict({m.value: m.bit for m in MEDIA}, return_dtype=pl.Int64)
    most = pl.when(pl.col("bit") == Modality.IMAGE.bit).then(choice.max_images).otherwise(1)
    allowed = (pl.col("present").cast(pl.Int64) // (2 ** pl.col("bit"))) % 2 == 1
    track = (pl.col("modality") == Modality.AUDIO.value) & (pl.col("listed_as") == Modality.VIDEO.value)
    taken = (
        found.with_columns(bit=bit)
        .join(samples.select("product_id", "present"), on="product_id")
        .filter(allowed)
        .join(
            dataset.scan("assets").select("asset_id", "uri", "offset", "length", "mime", listed_as="modality"),
            on="asset_id",
        )
        .sort("product_id", "group", "position", "asset_id")
        .unique(["product_id", "bit", "asset_id"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("product_id", "bit") < most)
        .join(_facts(dataset), on=["modality", "asset_id"], how="left", maintain_order="left")
        .with_columns(track=track)
    )
    if made is not None:
        taken = taken.join(made, on=["modality", "asset_id"], how="left", maintain_order="left")
    columns = (*_FILE, *(("made",) if made is not None else ()))
    return taken.group_by("product_id", maintain_order=True).agg(files=pl.struct(*columns))


def merged_records(dataset: Dataset, partition: int, cut: str) -> pl.LazyFrame:
    """Ids of the products of a cut that stand for several."""
    kept = dataset.scan("cut_products", partition=partition, cut=cut)
    return kept.filter(pl.col("merged_from").is_not_null()).select("product_id")


def _facts(dataset: Dataset) -> pl.LazyFrame:
    """Size and length of every file that could be decoded, by what it is used as."""
    size = {"width": pl.col("width"), "height": pl.col("height")}
    known = {Modality.IMAGE: size, Modality.VIDEO: {**size, "duration_s": pl.col("duration_s")},
             Modality.AUDIO: {"duration_s": pl.col("duration_s")}}  # fmt: skip
    return pl.concat(
        [
            dataset.scan(f"signals_{modality.value}")
            .filter(pl.col("state") == State.PRESENT)
            .select("asset_id", modality=pl.lit(modality.value), **columns)
            for modality, columns in known.items()
        ],
        how="diagonal",
    )
