"""Sound evidence: which products have the same recording, by landmarks of its spectrum and the time between them.

A landmark is two spectral peaks and the time between them; landmarks that begin at one peak make a triple, which few
recordings share by chance: those that share one are candidates. They are verified as by Wang ("An Industrial-Strength
Audio Search Algorithm", ISMIR 2003): of two copies of one recording, the common landmarks lie at one difference of
time; of two recordings, at any. Re-encoding moves peaks by a frame, so neighbouring times count as equal. Silence has
no landmarks and matches nothing.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.files import Files
from m5tools.dedup.policy import JoinRules, SoundRules
from m5tools.joins.bands import neighbours

COLUMNS: Final = ("fingerprint",)
"""Of `signals_audio`."""
SAME = {"a": pl.UInt32, "b": pl.UInt32, "share": pl.Float32}
_PAIRS_AT_ONCE: Final = 4_096
_STEP: Final = pl.Series([-1, 0, 1], dtype=pl.Int32)
"""Frames by which a copy's peaks may be off."""


def same_sounds(files: Files, rules: SoundRules, join: JoinRules) -> tuple[pl.DataFrame, int]:
    """Pairs of files that hold one recording.

    Args:
        files: their fingerprints.
        rules: least share and number of landmarks that agree.
        join: how far a triple is followed.

    Returns:
        Columns a < b and share (of the landmarks of the one with fewer that agree); and the number of hubs.
    """
    marks = pl.concat(_landmarks(part, rules.min_landmarks) for part in files.read(*COLUMNS)).sort("file")
    if marks.is_empty():
        return pl.DataFrame(schema=SAME), 0
    candidates = neighbours(_triples(marks), join.window, join.cap)
    sizes = marks.group_by("file").len("size")
    found = [
        _agreeing(candidates.pairs.slice(start, _PAIRS_AT_ONCE), marks, sizes, rules)
        for start in range(0, max(1, candidates.pairs.height), _PAIRS_AT_ONCE)
    ]
    return pl.concat(found).sort("a", "b").cast(SAME), candidates.hubs  # type: ignore[arg-type]


def _landmarks(files: pl.DataFrame, fewest: int) -> pl.DataFrame:
    """Landmarks of sounds that have enough of them: file, bands of the two peaks, frames between, time of the first."""
    heard = files.select("file", "fingerprint").drop_nulls().filter(pl.col("fingerprint").bin.size() >= 4 * fewest)
    counts = (heard["fingerprint"].bin.size() // 4).to_numpy()
    words = np.frombuffer(b"".join(heard["fingerprint"]), "<u4").astype(np.int64)
    columns = {
        "file": np.repeat(heard["file"].to_numpy(), counts),
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
