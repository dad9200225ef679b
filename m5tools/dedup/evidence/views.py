"""The ways to look at pictures: which files have a hash near one of another's.

The hashes of all files and ways lie on disk (32 bytes each) and are mapped; of each, 13 bytes are held while they are
compared.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from m5tools.dedup.evidence.files import Files
from m5tools.dedup.policy import JoinRules, PictureRules
from m5tools.joins.bands import neighbours
from m5tools.joins.hamming import BITS, Words, apart, near

HASH: Final = BITS // 8
_WORDS: Final = HASH // 8
_MIX: Final = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93], np.uint64)
_BLOCK: Final = 2**20
_RANGES: Final = 64
"""Of keys, sorted one after the other."""
_HALF: Final = np.uint64(32)

Numbers = npt.NDArray[np.uint32]
Flags = npt.NDArray[np.bool_]


class Way(NamedTuple):
    """One way to look: the column of its hashes (several, one behind the other), which of these, and whether pairs
    without one of them count."""

    column: str
    places: Sequence[int]
    asked: bool


@dataclass(frozen=True)
class Pool:
    """Hashes of files, in no order.

    Attributes:
        files: uint32 [m].
        hashes: the file that holds them, 32 bytes each.
        asked: bool [m]; only pairs with one of these count.
    """

    files: Numbers
    hashes: Path
    asked: Flags


def pooled(files: Files, ways: Sequence[Way], folder: Path) -> Pool:
    """Write the hashes of files to a folder, nulls left out, and map them."""
    names = [folder / name for name in ("files", "words", "asked")]
    with names[0].open("wb") as numbers, names[1].open("wb") as words, names[2].open("wb") as asked:
        for part in files.read(*{way.column: None for way in ways}):
            for way in ways:
                told = part.select("file", way.column).drop_nulls()
                if told.is_empty():
                    continue
                hashes = binary(told[way.column]).reshape(told.height, -1, HASH)
                for place in way.places:
                    told["file"].to_numpy().astype(np.uint32).tofile(numbers)
                    np.ascontiguousarray(hashes[:, place]).tofile(words)
                    np.full(told.height, way.asked).tofile(asked)
    return Pool(_mapped(names[0], np.uint32), names[1], _mapped(names[2], np.bool_))


def _hashes(file: Path) -> Words:
    """The hashes in a file: uint64 [m, 4]."""
    return _mapped(file, np.uint64).reshape(-1, _WORDS)


def _mapped(file: Path, kind: Any) -> npt.NDArray[Any]:
    return np.memmap(file, kind, "r") if file.stat().st_size else np.empty(0, kind)


def binary(column: pl.Series) -> npt.NDArray[np.uint8]:
    """The bytes of a column without nulls, one behind the other, without a Python object a row."""
    flat: Any = column.rechunk().to_arrow().cast(pa.large_binary())
    return np.frombuffer(b"" if not len(flat) else flat.buffers()[2], np.uint8)


def near_files(pool: Pool, rules: PictureRules, join: JoinRules, folder: Path) -> tuple[pl.DataFrame, int]:
    """Pairs of files that are near in some view.

    Args:
        pool: every view against every other.
        rules: distance and recall.
        join: how far an equal hash is followed.
        folder: for what does not have to be in memory.

    Returns:
        Columns a, b (files, a < b) and distance, one row for each pair of hashes; and the number of hubs.
    """
    words, place, repeated = distinct(pool.hashes, folder / "distinct")
    asked = np.zeros(len(words), bool)
    for block in _blocks(len(place)):
        asked[place[block][pool.asked[block]]] = True
    close = near(words.view(np.uint8).reshape(-1, HASH), rules.distance, rules.recall, join.cap, asked)
    a, b = (close.pairs[side].to_numpy().astype(np.intp) for side in ("a", "b"))

    shared = _shown(pool, place, repeated)
    same = neighbours(shared.select(key="place", row="file"), join.window, join.cap)
    met = np.zeros(len(words), bool)
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


def _blocks(count: int) -> Iterator[slice]:
    return (slice(start, min(start + _BLOCK, count)) for start in range(0, count, _BLOCK))


def distinct(hashes: Path, file: Path) -> tuple[Words, Numbers, Flags]:
    """The distinct hashes of a file, written to another.

    Returns:
        These, mapped (uint64 [k, 4]); which of them each hash is (uint32 [m]); which are met several times (bool [k]).

    They are told apart by 64 mixed bits: in one of forty pools of a thousand million hashes would two that differ fall
    together.
    """
    words = _hashes(hashes)
    key, ranges = np.empty(len(words), np.uint64), np.empty(len(words), np.uint8)
    for some in _blocks(len(words)):
        key[some] = _mixed(words[some])
        ranges[some] = key[some] // np.uint64(2**64 // _RANGES)
    place = np.empty(len(words), np.uint32)
    repeated, count = [np.empty(0, bool)], 0
    with file.open("wb") as written:
        for i in range(_RANGES):
            rows = np.flatnonzero(ranges == i)
            rows = rows[np.argsort(key[rows], kind="stable")]
            ordered = key[rows]
            new = np.ones(len(rows), bool)
            new[1:] = ordered[1:] != ordered[:-1]
            place[rows] = count + np.cumsum(new) - 1
            starts = np.flatnonzero(new)
            repeated.append(np.diff(starts, append=len(rows)) > 1)
            for some in _blocks(len(starts)):
                words[rows[starts[some]]].tofile(written)
            count += len(starts)
    return _hashes(file), place, np.concatenate(repeated)


def _mixed(words: Words) -> Words:
    key = np.zeros(len(words), np.uint64)
    for part in range(_WORDS):
        key = (key ^ words[:, part]) * _MIX[part]
        key ^= key >> np.uint64(29)
    return key


def _shown(pool: Pool, place: Numbers, wanted: Flags) -> pl.DataFrame:
    """Which files show the hashes that are wanted: place, file; sorted."""
    found = [np.empty(0, np.uint64)]
    for some in _blocks(len(place)):
        rows = np.flatnonzero(wanted[place[some]])
        found.append(np.unique(place[some][rows].astype(np.uint64) << _HALF | pool.files[some][rows]))
    pairs = np.unique(np.concatenate(found))
    return pl.DataFrame({"place": (pairs >> _HALF).astype(np.uint32), "file": pairs.astype(np.uint32)})
