"""Near copies: pictures and clips that an evaluation set shows in another size, encoding, cut or mirrored.

By the hashes that `measure` took (PDQ, Facebook 2019): of pictures as they are, without their borders and in eight
orientations, of clips one a second. Nothing is decoded.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from m5tools.dataset import Dataset
from m5tools.joins.hamming import BITS, near
from m5tools.split import files
from m5tools.split.contamination import HUB
from m5tools.vocabulary import Modality

DISTANCE: Final = 31
"""Bits of 256 in which two hashes of one picture differ at most, as PDQ's authors advise."""
_RECALL: Final = 0.98
_CAP: Final = 500
_FRAME_SHARE: Final = 0.5
_FEWEST_FRAMES: Final = 2
_HASH: Final = BITS // 8
_LOOKS: Final = {"product_id": pl.String, "by": pl.String, "asset_id": pl.String, "hash": pl.Binary}


def looks(dataset: Dataset, partition: int, kept: Path, *, turned: bool) -> pl.DataFrame:
    """The hashes of what the products of one partition show.

    Args:
        dataset: a measured dataset; one that is not has none.
        partition: which products.
        kept: where :func:`m5tools.split.files.keep` kept what is looked up of it.
        turned: pictures in their eight orientations; enough on one of two sides.

    Returns:
        Columns product_id, by (`image` or `video`), asset_id, hash (32 bytes); distinct, sorted.
    """
    listed = dataset.read("media", partition=partition, columns=("product_id", "location_id"))
    shown = files.had(kept, listed).select("product_id", "asset_id").unique()
    pictures = files.measured(kept, "pictures", shown)
    sides = [pl.col("pdq_turned").bin.slice(place * _HASH, _HASH) for place in range(8 if turned else 1)]
    views = [pictures.select("asset_id", hash=view) for view in (pl.col("pdq"), *sides)]
    clips = files.measured(kept, "clips", shown).select("asset_id", hash="frame_pdq", quality="frame_pdq_quality")
    frames = clips.explode("hash", "quality", empty_as_null=True, keep_nulls=True).filter(
        pl.col("quality") >= files.LEAST_QUALITY
    )
    kinds = {Modality.IMAGE: pl.concat(views), Modality.VIDEO: frames.select("asset_id", "hash")}
    found = [
        shown.join(hashes.drop_nulls("hash"), on="asset_id").select(
            "product_id", pl.lit(by.value).alias("by"), "asset_id", "hash"
        )
        for by, hashes in kinds.items()
    ]
    rows = pl.concat(found).unique().sort("product_id", "by", "asset_id", "hash")
    return rows.cast(_LOOKS)  # type: ignore[arg-type]


def telling(theirs: pl.DataFrame) -> pl.DataFrame:
    """What the evaluation set shows, but for files that many of its products show.

    Args:
        theirs: as :func:`looks` returns them, of the whole evaluation set.

    Returns:
        Columns by, asset_id, hash; distinct, sorted.
    """
    few = theirs.filter(pl.col("product_id").n_unique().over("by", "asset_id") <= HUB)
    return few.select("by", "asset_id", "hash").unique().sort("by", "asset_id", "hash")


def copied(mine: pl.DataFrame, theirs: pl.DataFrame) -> pl.DataFrame:
    """Products that show what the evaluation set shows.

    Args:
        mine: as :func:`looks` returns them, of one partition.
        theirs: as :func:`telling` returns them.

    Returns:
        Columns product_id, by, trace (of the file of the evaluation set); distinct, sorted.
    """
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
