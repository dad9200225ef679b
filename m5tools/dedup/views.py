"""The ways to look at pictures: which files have a hash near one of another's, in arrays of 40 bytes a hash."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from m5tools.dedup.policy import JoinRules, PictureRules
from m5tools.joins.bands import neighbours
from m5tools.joins.hamming import BITS, Words, apart, near

HASH: Final = BITS // 8
_WORDS: Final = HASH // 8
_MIX: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)


@dataclass(frozen=True)
class Views:
    """Hashes of files.

    Attributes:
        files: uint32 [m].
        words: uint64 [m, 4].
        asked: bool [m]; only pairs with one of these count.
    """

    files: npt.NDArray[np.uint32]
    words: Words
    asked: npt.NDArray[np.bool_]


def views(files: pl.DataFrame, column: str, places: Iterable[int], asked: bool) -> Views:
    """The hashes at some places of a column that holds one or several, one behind the other; nulls left out."""
    told = files.select("file", column).drop_nulls()
    if told.is_empty():
        return Views(np.empty(0, np.uint32), np.empty((0, _WORDS), np.uint64), np.empty(0, bool))
    hashes = binary(told[column]).view(np.uint64).reshape(told.height, -1, _WORDS)
    some = [hashes[:, place] for place in places]
    return Views(
        np.tile(told["file"].to_numpy(), len(some)), np.concatenate(some), np.full(told.height * len(some), asked)
    )


def together(*parts: Views) -> Views:
    """Several as one."""
    return Views(*(np.concatenate([getattr(part, name) for part in parts]) for name in ("files", "words", "asked")))


def binary(column: pl.Series) -> npt.NDArray[np.uint8]:
    """The bytes of a column without nulls, one behind the other, without a Python object a row."""
    flat: Any = column.rechunk().to_arrow().cast(pa.large_binary())
    return np.frombuffer(b"" if not len(flat) else flat.buffers()[2], np.uint8)


def near_files(pool: Views, rules: PictureRules, join: JoinRules) -> tuple[pl.DataFrame, int]:
    """Pairs of files that are near in some view.

    Args:
        pool: every view against every other.
        rules: distance and recall.
        join: how far an equal hash is followed.

    Returns:
        Columns a, b (files, a < b) and distance, one row for each pair of hashes; and the number of hubs.
    """
    first, place = _distinct(pool.words)
    words = pool.words[first]
    asked = np.zeros(len(first), bool)
    asked[place[pool.asked]] = True
    close = near(words.view(np.uint8).reshape(-1, HASH), rules.distance, rules.recall, join.cap, asked)
    a, b = (close.pairs[side].to_numpy().astype(np.intp) for side in ("a", "b"))

    shared = _shown(pool, place, np.bincount(place, minlength=len(first)) > 1)
    same = neighbours(shared.select(key="place", row="file"), join.window, join.cap)
    met = np.zeros(len(first), bool)
    met[a] = met[b] = True
    some = _shown(pool, place, met).group_by("place", maintain_order=True).head(join.window)
    across = (
        close.pairs.with_columns(distance=pl.Series(apart(words, a, b), dtype=pl.UInt8))
        .join(some, left_on="a", right_on="place")
        .join(some, left_on="b", right_on="place", suffix="_b")
        .filter(pl.col("file") != pl.col("file_b"))
        .select(a=pl.min_horizontal("file", "file_b"), b=pl.max_horizontal("file", "file_b"), distance="distance")
    )
    equal = same.pairs.with_columns(distance=pl.lit(0, pl.UInt8))
    return pl.concat([equal, across]), close.hubs + same.hubs


def _distinct(words: Words) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Where each distinct hash stands first, and which of these each hash is.

    By 64 mixed bits: in one of forty pools of a thousand million hashes would two that differ fall together.
    """
    key = np.zeros(len(words), np.uint64)
    for part in range(_WORDS):
        key = (key ^ words[:, part]) * _MIX[part]
        key ^= key >> np.uint64(29)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    return first, place.astype(np.intp)


def _shown(pool: Views, place: npt.NDArray[np.intp], wanted: npt.NDArray[np.bool_]) -> pl.DataFrame:
    """Which files show the hashes that are wanted: place, file; sorted."""
    rows = np.flatnonzero(wanted[place])
    columns = {"place": place[rows].astype(np.uint32), "file": pool.files[rows]}
    return pl.DataFrame(columns).unique().sort("place", "file")
