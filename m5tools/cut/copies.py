"""Which of the pictures that come together in one record show the same: copies are carried once."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dataset import Dataset
from m5tools.joins.hamming import BITS, apart

SAME_PICTURE: Final = 31
"""Bits of 256 in which PDQ hashes of one picture may differ (Facebook, "The TMK+PDQF Video-Hashing Algorithm and the
PDQ Image-Hashing Algorithm", 2019)."""
SAME_COLOURS: Final = 0.6
"""Overlap of two histograms of colours from which pictures are taken for one; hashes see no colour."""

_HASHES: Final = ("pdq", "pdq_trimmed")
_COLOURS: Final = 64


def copies(pictures: pl.DataFrame, dataset: Dataset) -> pl.DataFrame:
    """Pictures of a record that show what an earlier one of it shows.

    Args:
        pictures: `recipient`, `asset_id`; of each record in its order.
        dataset: whose pictures were measured.

    Returns:
        `recipient`, `asset_id`, `copy_of` (the earliest picture that shows it). Pictures too flat for a hash are copies
        of nothing.
    """
    looks = (
        dataset.scan("signals_image")
        .join(pictures.lazy().select("asset_id").unique(), on="asset_id", how="semi")
        .filter(pl.col("pdq_quality") > 0)
        .select("asset_id", *_HASHES, "colours")
        .collect()
    )
    seen = pictures.select("recipient", "asset_id").with_row_index("rank").join(looks, on="asset_id")
    pairs = seen.join(seen, on="recipient", suffix="_later").filter(pl.col("rank") < pl.col("rank_later"))
    alike = np.logical_or.reduce([_near(pairs, column) for column in _HASHES]) & (_overlap(pairs) >= SAME_COLOURS)
    found = pairs.filter(pl.Series(alike, dtype=pl.Boolean))
    # What is a copy itself has no copies: theirs go by the picture that it shows, or stay.
    later = found.select("recipient", asset_id="asset_id_later").unique()
    firsts = found.join(later, on=["recipient", "asset_id"], how="anti").sort("recipient", "rank_later", "rank")
    return firsts.unique(["recipient", "asset_id_later"], keep="first", maintain_order=True).select(
        "recipient", asset_id="asset_id_later", copy_of="asset_id"
    )


def _near(pairs: pl.DataFrame, column: str) -> npt.NDArray[np.bool_]:
    """Whether the hashes of pairs are near; not where one is missing."""
    later = f"{column}_later"
    told = (pairs[column].is_not_null() & pairs[later].is_not_null()).to_numpy()
    known = pairs.filter(pl.Series(told, dtype=pl.Boolean))
    near = np.zeros(pairs.height, bool)
    words = _bytes(pl.concat([known[column], known[later].rename(column)]), BITS // 8).view(np.uint64)
    rows = np.arange(known.height)
    near[told] = apart(words, rows, rows + known.height) <= SAME_PICTURE
    return near


def _overlap(pairs: pl.DataFrame) -> npt.NDArray[np.float32]:
    """Intersection of the histograms of pairs, 0–1; two that hold nothing, all white, are alike."""
    one, other = (
        _bytes(pairs[column].fill_null(bytes(_COLOURS)), _COLOURS).astype(np.float32)
        for column in ("colours", "colours_later")
    )
    least = np.minimum(one.sum(axis=1), other.sum(axis=1))
    nothing = np.maximum(one.sum(axis=1), other.sum(axis=1)) == 0
    shares: npt.NDArray[np.float32] = np.minimum(one, other).sum(axis=1) / np.maximum(least, 1)
    return np.where(nothing, np.float32(1), shares)


def _bytes(column: pl.Series, width: int) -> npt.NDArray[Any]:
    return np.frombuffer(b"".join(column), np.uint8).reshape(-1, width)
