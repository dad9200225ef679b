"""The media files of products, in the order in which they go into a sample, with what was measured of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple, Protocol

import polars as pl

from m5tools import atomic, listing
from m5tools.dataset import Dataset
from m5tools.joins import looked_up
from m5tools.vocabulary import MEDIA, Modality

_FACTS: Final = "facts"
_MADE: Final = "made"
_MADE_AT_ONCE: Final = 1 << 17
"""Files, nearly, whose members are sorted at once: a clip has many."""
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


class Known(NamedTuple):
    """Folders in which a partition looks up what is known of its files.

    Attributes:
        facts: what tables say of them.
        made: the members of other shards that were made of them; None where there are none.
    """

    facts: Path
    made: Path | None


def known(scratch: Path) -> Known:
    """What :func:`keep_facts` of each table and :func:`keep_made` kept in the scratch folder of a stage."""
    made = scratch / _MADE
    return Known(scratch / _FACTS, made if any(made.glob("[!.]*.arrow")) else None)


def keep_facts(dataset: Dataset, table: str, scratch: Path) -> None:
    """Keep what a table of :data:`m5tools.listing.FACTS` says."""
    listing.keep(dataset, table, scratch / _FACTS)


def keep_made(pool: pl.DataFrame, scratch: Path) -> None:
    """Keep what :func:`m5tools.shards.reuse.pool` found."""
    for file in (scratch / _MADE).glob("*.arrow"):  # of a try that was killed; other shards may have stood there then
        atomic.remove(file)
    if pool.height:  # a join with nothing is not free
        looked_up.keep(scratch / _MADE, pool.lazy(), "asset_id", _MADE_AT_ONCE)


def files(dataset: Dataset, partition: int, samples: pl.LazyFrame, choice: FilesOf, known: Known) -> pl.LazyFrame:
    """Per product its files, in the order in which they are tried.

    Args:
        dataset: where the tables are.
        partition: which of its partitions.
        samples: `product_id` and `present`, whose bits say which media may be taken.
        choice: how many.
        known: of the files.

    Returns:
        `product_id` and `files`, a list of structs: the fields of :class:`m5tools.shards.encode.File`, and `made`
        where there are members of other shards.
    """
    merged = dataset.scan("cut_media", partition=partition, cut=choice.cut)
    own = listing.usable_files(dataset, partition, known.facts).join(
        merged_records(dataset, partition, choice.cut), on="product_id", how="anti"
    )
    found = pl.concat([own.select(_LISTED), merged.with_columns(group=_GROUPS).select(_LISTED)], how="vertical_relaxed")
    bit = pl.col("modality").replace_strict({m.value: m.bit for m in MEDIA}, return_dtype=pl.Int64)
    most = pl.when(pl.col("bit") == Modality.IMAGE.bit).then(choice.max_images).otherwise(1)
    allowed = (pl.col("present").cast(pl.Int64) // (2 ** pl.col("bit"))) % 2 == 1
    track = (pl.col("modality") == Modality.AUDIO.value) & (pl.col("listed_as") == Modality.VIDEO.value)
    listed = (
        found.with_columns(bit=bit)
        .join(samples.select("product_id", "present"), on="product_id")
        .filter(allowed)
        .collect()
    )
    assets = listing.kept(known.facts, "assets", listed["asset_id"]).rename({"modality": "listed_as"})
    taken = (
        listed.lazy()
        .join(assets, on="asset_id")
        .sort("product_id", "group", "position", "asset_id")
        .unique(["product_id", "bit", "asset_id"], keep="first", maintain_order=True)
        .filter(pl.int_range(pl.len()).over("product_id", "bit") < most)
        .join(_facts(known.facts, listed["asset_id"]), on=["modality", "asset_id"], how="left", maintain_order="left")
        .with_columns(track=track)
    )
    columns: tuple[str, ...] = _FILE
    if known.made is not None:
        made = looked_up.rows_of(known.made, listed["asset_id"]).lazy()
        taken = taken.join(made, on=["modality", "asset_id"], how="left", maintain_order="left")
        columns = (*_FILE, "made")
    return taken.group_by("product_id", maintain_order=True).agg(files=pl.struct(*columns))


def merged_records(dataset: Dataset, partition: int, cut: str) -> pl.LazyFrame:
    """Ids of the products of a cut that stand for several."""
    records = dataset.scan("cut_products", partition=partition, cut=cut)
    return records.filter(pl.col("merged_from").is_not_null()).select("product_id")


def _facts(folder: Path, assets: pl.Series) -> pl.LazyFrame:
    """Size and length of files that could be decoded, by what they are used as."""
    return pl.concat(
        [
            listing.kept(folder, f"signals_{modality}", assets).with_columns(modality=pl.lit(modality.value))
            for modality in MEDIA
        ],
        how="diagonal",
    )
