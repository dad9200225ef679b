"""Near copies: pictures and clips that an evaluation set shows in another size, encoding, cut or mirrored.

By the hashes that `measure` took (PDQ, Facebook 2019): of pictures as they are, without their borders and in eight
orientations, of clips one a second. Nothing is decoded.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from m5tools.dataset import Dataset
from m5tools.joins.hamming import BITS, near
from m5tools.split.contamination import HUB
from m5tools.vocabulary import Modality, State

DISTANCE: Final = 31
"""Bits of 256 in which two hashes of one picture differ at most, as PDQ's authors advise."""
LEAST_QUALITY: Final = 10
"""PDQ quality (0–100) below which a hash tells nothing."""
_RECALL: Final = 0.98
_CAP: Final = 500
_FRAME_SHARE: Final = 0.5
_FEWEST_FRAMES: Final = 2
_HASH: Final = BITS // 8
_LOOKS: Final = {"product_id": pl.String, "by": pl.String, "asset_id": pl.String, "hash": pl.Binary}


def looks(dataset: Dataset, partition: int, *, turned: bool) -> pl.DataFrame:
    """The hashes of what the products of one partition show.

    Args:
        dataset: a measured dataset; one that is not has none.
        partition: which products.
        turned: pictures in their eight orientations; enough on one of two sides.

    Returns:
        Columns product_id, by (`image` or `video`), asset_id, hash (32 bytes); distinct, sorted.
    """
    had = dataset.scan("fetched").drop_nulls("asset_id").select("location_id", "asset_id")
    listed = dataset.scan("media", partition=partition).select("product_id", "location_id").join(had, on="location_id")
    shown = listed.select("product_id", "asset_id").unique()
    present = pl.col("state") == State.PRESENT.value
    pictures = dataset.scan("signals_image").filter(present & (pl.col("pdq_quality") >= LEAST_QUALITY))
    sides = [pl.col("pdq_turned").bin.slice(place * _HASH, _HASH) for place in range(8 if turned else 1)]
    views = [pictures.select("asset_id", hash=view) for view in (pl.col("pdq"), *sides)]
    clips = (
        dataset.scan("signals_video").filter(present).select("asset_id", hash="frame_pdq", quality="frame_pdq_quality")
    )
    frames = clips.explode("hash", "quality", empty_as_null=True, keep_nulls=True).filter(
        pl.col("quality") >= LEAST_QUALITY
    )
    kinds = {Modality.IMAGE: pl.concat(views), Modality.VIDEO: frames.select("asset_id", "hash")}
    found = [
        shown.join(hashes.drop_nulls("hash"), on="asset_id").select(
            "product_id", pl.lit(by.value).alias("by"), "asset_id", "hash"
        )
        for by, hashes in kinds.items()
    ]
    rows = pl.concat(found).unique().sort("product_id", "by", "asset_id", "hash").collect()
    return rows.cast(_LOOKS)  # type: ignore[arg-type]


def copied(mine: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Products that show what the evaluation set shows.

    Args:
        mine: as :func:`looks` returns them, of one partition.
        theirs: the same of the whole evaluation set.

    Returns:
        Columns product_id, by, trace (of the file of the evaluation set); distinct, sorted.
    """
    theirs = theirs.filter(pl.col("product_id").n_unique().over("by", "asset_id") <= HUB)
    close = _close(mine["hash"].unique().sort(), theirs["hash"].unique().sort())
    met = (
        mine.rename({"asset_id": "file"})
        .join(close, on="hash")
        .join(theirs.select("by", "asset_id", near="hash"), on=["by", "near"])
        .select("product_id", "by", "file", "asset_id", "hash")
        .unique()
    )
    frames = mine.group_by("product_id", "by", "asset_id").agg(frames=pl.col("hash").n_unique())
    counted = (
        met.group_by("product_id", "by", "file", "asset_id")
        .agg(alike=pl.col("hash").n_unique())
        .join(frames, left_on=["product_id", "by", "file"], right_on=["product_id", "by", "asset_id"])
    )
    clip = (pl.col("alike") >= _FEWEST_FRAMES) & (pl.col("alike") >= _FRAME_SHARE * pl.col("frames"))
    told = counted.filter(clip | (pl.col("by") == Modality.IMAGE.value))
    return told.select("product_id", "by", trace=pl.col("asset_id").hash()).unique().sort("product_id", "by", "trace")


def _close(mine: pl.Series, theirs: pl.Series) -> pl.DataFrame:
    """Pairs hash (of mine), near (of theirs) within the distance, equal ones too."""
    every = pl.concat([mine, theirs]).unique().sort()
    if every.is_empty():
        return pl.DataFrame(schema={"hash": pl.Binary, "near": pl.Binary})
    asked = every.is_in(theirs.implode()).to_numpy()
    hashes = np.frombuffer(b"".join(every), np.uint8).reshape(-1, _HASH)
    pairs = near(hashes, DISTANCE, _RECALL, _CAP, asked).pairs
    ends = pl.DataFrame({"hash": every}).with_row_index("place")
    both = pl.concat([pairs.select("a", "b"), pairs.select(a="b", b="a")])
    named = both.join(ends, left_on="a", right_on="place").join(
        ends.rename({"hash": "near"}), left_on="b", right_on="place"
    )
    equal = pl.DataFrame({"hash": every, "near": every})
    return (
        pl.concat([named.select("hash", "near"), equal])
        .filter(pl.col("hash").is_in(mine.implode()) & pl.col("near").is_in(theirs.implode()))
        .unique()
    )
