"""Sound evidence: which products have the same recording, by landmarks of its spectrum and the time between them.

A landmark is two spectral peaks and the time between them; landmarks that begin at one peak make a triple, which few
recordings share by chance: those that share one are candidates. They are verified as by Wang ("An Industrial-Strength
Audio Search Algorithm", ISMIR 2003): of two copies of one recording, the common landmarks lie at one difference of
time; of two recordings, at any. Re-encoding moves peaks by a frame, so neighbouring times count as equal. Silence has
no landmarks and matches nothing.
"""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dedup.evidence.files import Files
from m5tools.dedup.evidence.views import binary
from m5tools.dedup.policy import JoinRules, SoundRules
from m5tools.joins.bands import joined, neighbours

COLUMNS: Final = ("fingerprint",)
"""Of `signals_audio`."""
SAME = {"a": pl.UInt32, "b": pl.UInt32, "share": pl.Float32}
_PAIRS_AT_ONCE: Final = 4_096
_SLICES: Final = 16
_HALF: Final = np.uint64(32)
_STEP: Final = pl.Series([-1, 0, 1], dtype=pl.Int32)
"""Frames by which a copy's peaks may be off."""


def same_sounds(files: Files, rules: SoundRules, join: JoinRules, scratch: Path) -> tuple[pl.DataFrame, int]:
    """Pairs of files that hold one recording.

    Landmarks lie on disk, and so do triples, of which a sixteenth is sorted at a time.

    Args:
        files: their fingerprints.
        rules: least share and number of landmarks that agree.
        join: how far a triple is followed.
        scratch: a folder for them.

    Returns:
        Columns a < b and share (of the landmarks of the one with fewer that agree); and the number of hubs.
    """
    with tempfile.TemporaryDirectory(prefix="landmarks-", dir=scratch) as name:
        folder = Path(name)
        heard = _written(files, rules.min_landmarks, folder)
        if heard.is_empty():
            return pl.DataFrame(schema=SAME), 0
        candidates = joined(neighbours(_read(folder / f"triples-{i}"), join.window, join.cap) for i in range(_SLICES))
        words = np.memmap(folder / "landmarks", "<u4", "r")
        found = []
        for start in range(0, max(1, candidates.pairs.height), _PAIRS_AT_ONCE):
            pairs = candidates.pairs.slice(start, _PAIRS_AT_ONCE)
            found.append(_agreeing(pairs, _marks(pairs, heard, words), heard.select("file", "size"), rules))
    return pl.concat(found).sort("a", "b").cast(SAME), candidates.hubs  # type: ignore[arg-type]


def _written(files: Files, fewest: int, folder: Path) -> pl.DataFrame:
    """Write the landmarks of sounds that have enough of them, and their triples by key; tell where those of each sound
    begin and how many they are: file, first, size; sorted."""
    heard = [pl.DataFrame(schema={"file": pl.UInt32, "size": pl.UInt32})]
    with ExitStack() as open_files:
        landmarks = open_files.enter_context((folder / "landmarks").open("wb"))
        triples = [open_files.enter_context((folder / f"triples-{i}").open("wb")) for i in range(_SLICES)]
        for part in files.read(*COLUMNS):
            told = part.drop_nulls().filter(pl.col("fingerprint").bin.size() >= 4 * fewest)
            sizes = told.select("file", size=pl.col("fingerprint").bin.size() // 4)
            words = binary(told["fingerprint"]).view("<u4")
            words.tofile(landmarks)
            heard.append(sizes.cast({"size": pl.UInt32}))
            keyed = _triples(_landmarks(sizes, words))
            key, row = (keyed[column].to_numpy().astype(np.uint64) for column in ("key", "row"))
            for i, file in enumerate(triples):
                here = key % _SLICES == i
                (key[here] << _HALF | row[here]).tofile(file)
    every = pl.concat(heard)
    return every.with_columns(first=pl.col("size").cast(pl.Int64).cum_sum() - pl.col("size")).sort("file")


def _read(file: Path) -> pl.DataFrame:
    """Distinct keys and rows, sorted."""
    packed = np.unique(np.fromfile(file, np.uint64))
    return pl.DataFrame({"key": (packed >> _HALF).astype(np.uint32), "row": packed.astype(np.uint32)})


def _marks(pairs: pl.DataFrame, heard: pl.DataFrame, words: npt.NDArray[np.uint32]) -> pl.DataFrame:
    """The landmarks of the sounds of some pairs."""
    sounds = heard.join(pl.concat([pairs["a"], pairs["b"]]).unique().alias("file").to_frame(), on="file", how="semi")
    size = sounds["size"].to_numpy().astype(np.int64)
    first = np.repeat(sounds["first"].to_numpy() - (np.cumsum(size) - size), size)
    return _landmarks(sounds, words[first + np.arange(len(first))])


def _landmarks(sounds: pl.DataFrame, words: npt.NDArray[np.uint32]) -> pl.DataFrame:
    """Landmarks of sounds: file, bands of the two peaks, frames between, time of the first.

    Args:
        sounds: columns file and size.
        words: uint32, the landmarks of each, one behind the other.
    """
    words = words.astype(np.int64)
    columns = {
        "file": np.repeat(sounds["file"].to_numpy(), sounds["size"].to_numpy()),
        "band": words >> 27,
        "later": words >> 22 & 31,
        "between": words >> 16 & 63,
        "time": words & 0xFFFF,
    }
    return pl.DataFrame(columns).cast({"file": pl.UInt32, pl.Int64: pl.Int32})


def _triples(marks: pl.DataFrame) -> pl.DataFrame:
    """Pairs of landmarks that begin at one peak: key and row (the file); times are halved, to bear being off by one."""
    peak = ["file", "time", "band"]
    ordered = marks.sort(*peak, "between", "later")
    described = pl.col("between") // 2 * 32 + pl.col("later")
    return (
        pl.concat(
            ordered.select(
                *peak,
                key=(pl.col("band").cast(pl.UInt32) * 1024 + described) * 1024 + described.shift(-step).over(peak),
            )
            for step in (1, 2)
        )
        .select("key", row="file")
        .drop_nulls("key")
        .sort("key", "row")
    )


def _agreeing(pairs: pl.DataFrame, marks: pl.DataFrame, sizes: pl.DataFrame, rules: SoundRules) -> pl.DataFrame:
    """Of candidate pairs those with enough common landmarks at one difference of time."""
    peaks = ["band", "later", "between"]
    off = _STEP.to_frame("off")
    met = (
        pairs.join(marks.with_row_index("mark"), left_on="a", right_on="file")
        .join(off, how="cross")
        .with_columns(pl.col("between") + pl.col("off"))
        .join(marks, left_on=["b", *peaks], right_on=["file", *peaks], suffix="_b")
        .select("a", "b", "mark", shift=pl.col("time") - pl.col("time_b"))
    )
    return (
        met.join(off, how="cross")
        .with_columns(pl.col("shift") + pl.col("off"))
        .group_by("a", "b", "shift")
        .agg(agreeing=pl.col("mark").n_unique())
        .group_by("a", "b")
        .agg(pl.col("agreeing").max())
        .join(sizes, left_on="a", right_on="file")
        .join(sizes, left_on="b", right_on="file", suffix="_b")
        .with_columns(share=(pl.col("agreeing") / pl.min_horizontal("size", "size_b")).clip(upper_bound=1))
        .filter(pl.col("agreeing") >= rules.min_landmarks, pl.col("share") >= rules.share)
        .select("a", "b", "share")
    )
