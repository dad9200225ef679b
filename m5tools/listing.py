"""Which files of products can be used, and as what: a clip's sound track is a sound, too."""

from __future__ import annotations

import polars as pl

from m5tools.dataset import Dataset
from m5tools.vocabulary import MEDIA, Modality, State


def any_was_had(dataset: Dataset) -> bool:
    """Whether any listed file was had. Parts of `fetched` are looked at up to the first that tells of one."""
    had = pl.col("asset_id").is_not_null().any()
    return any(pl.scan_parquet(part, glob=False).select(had).collect().item() for part in dataset.parts("fetched"))


def usable_files(dataset: Dataset, partition: int) -> pl.LazyFrame:
    """Listed files of one partition that were fetched, and decoded when measured.

    Returns:
        `product_id`, `modality` (what the file is used as), `group` (an image 0, a sound of its own 1, the sound track
        of a clip 2, a clip 3), `position` (as listed), `asset_id`; unsorted.
    """
    here = pl.col("state") == State.PRESENT
    listed = (
        dataset.scan("media", partition=partition)
        .select("product_id", "modality", "position", "location_id")
        .join(dataset.scan("fetched").filter(here).select("location_id", "asset_id"), on="location_id")
    )
    measured = {m: dataset.scan(f"signals_{m.value}").filter(here) for m in MEDIA}
    own_track = pl.col("derived_from").is_not_null()
    uses = (
        (Modality.IMAGE, Modality.IMAGE, measured[Modality.IMAGE]),
        (Modality.AUDIO, Modality.AUDIO, measured[Modality.AUDIO].filter(~own_track)),
        (Modality.VIDEO, Modality.AUDIO, measured[Modality.AUDIO].filter(own_track)),
        (Modality.VIDEO, Modality.VIDEO, measured[Modality.VIDEO]),
    )
    return pl.concat(
        listed.filter(pl.col("modality") == kind.value)
        .join(decoded.select("asset_id"), on="asset_id", how="semi")
        .select("product_id", modality=pl.lit(use.value), group=pl.lit(group), position="position", asset_id="asset_id")
        for group, (kind, use, decoded) in enumerate(uses)
    )
