"""Which files of products can be used, and as what: a clip's sound track is a sound, too.

What became of a file and what was measured of it stand in tables that know no partitions. Who asks partition after
partition keeps of them what is asked (:func:`keep`), or each partition would read them whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import polars as pl

from m5tools.dataset import Dataset
from m5tools.joins import looked_up
from m5tools.vocabulary import MEDIA, Modality, State

FACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "fetched": ("location_id", "asset_id"),
    "assets": ("asset_id", "uri", "offset", "length", "mime", "modality"),
    "signals_image": ("asset_id", "width", "height"),
    "signals_video": ("asset_id", "width", "height", "duration_s"),
    "signals_audio": ("asset_id", "duration_s", "derived_from"),
}
"""Tables about files, and what is asked of them: first the key."""


def any_was_had(dataset: Dataset) -> bool:
    """Whether any listed file was had. Parts of `fetched` are looked at up to the first that tells of one."""
    had = pl.col("asset_id").is_not_null().any()
    return any(pl.scan_parquet(part, glob=False).select(had).collect().item() for part in dataset.parts("fetched"))


def keep(dataset: Dataset, table: str, folder: Path) -> None:
    """Keep what a table of `FACTS` says of files that are there, for :func:`kept`."""
    looked_up.keep(folder / table, _there(dataset, table), FACTS[table][0])


def kept(folder: Path, table: str, keys: pl.Series) -> pl.LazyFrame:
    """The columns that `FACTS` names of the files that are there and asked for, in no telling order.

    Args:
        folder: what :func:`keep` was given.
        table: of `FACTS`.
        keys: under the name of the table's key.
    """
    return looked_up.rows_of(folder / table, keys).lazy()


def usable_files(dataset: Dataset, partition: int, folder: Path | None = None) -> pl.LazyFrame:
    """Listed files of one partition that were fetched, and decoded when measured.

    Args:
        dataset: where the tables are.
        partition: which of its partitions.
        folder: what :func:`keep` was given for all tables but `assets`; without, they are read whole.

    Returns:
        `product_id`, `modality` (what the file is used as), `group` (an image 0, a sound of its own 1, the sound track
        of a clip 2, a clip 3), `position` (as listed), `asset_id`; unsorted.
    """

    def told(table: str, keys: pl.Series) -> pl.LazyFrame:
        return _there(dataset, table) if folder is None else kept(folder, table, keys)

    columns = ("product_id", "modality", "position", "location_id")
    places = dataset.read("media", partition=partition, columns=columns)
    listed = places.lazy().join(told("fetched", places["location_id"]), on="location_id").collect()
    measured = {m: told(f"signals_{m.value}", listed["asset_id"]) for m in MEDIA}
    own_track = pl.col("derived_from").is_not_null()
    uses = (
        (Modality.IMAGE, Modality.IMAGE, measured[Modality.IMAGE]),
        (Modality.AUDIO, Modality.AUDIO, measured[Modality.AUDIO].filter(~own_track)),
        (Modality.VIDEO, Modality.AUDIO, measured[Modality.AUDIO].filter(own_track)),
        (Modality.VIDEO, Modality.VIDEO, measured[Modality.VIDEO]),
    )
    return pl.concat(
        listed.lazy()
        .filter(pl.col("modality") == kind.value)
        .join(decoded.select("asset_id"), on="asset_id", how="semi")
        .select("product_id", modality=pl.lit(use.value), group=pl.lit(group), position="position", asset_id="asset_id")
        for group, (kind, use, decoded) in enumerate(uses)
    )


def _there(dataset: Dataset, table: str) -> pl.LazyFrame:
    rows = dataset.scan(table)
    if table != "assets":  # which has no others
        rows = rows.filter(pl.col("state") == State.PRESENT)
    return rows.select(FACTS[table])
