"""Clip evidence: which products show the same clip, by the hashes of its frames and their order.

Two clips are one when enough of the frames of one, a second apart, have a near frame in the other, all with about the
same time between them; cut ends and re-encoding then do no harm, and a shared title card says little. The other's
frames are looked up among its glances too, which lie 0.3 s apart: where half a second is cut off, no second meets a
second. Frames that show nothing have no say.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.evidence.files import Files
from m5tools.dedup.evidence.views import HASH, binary, distinct
from m5tools.dedup.policy import ClipRules, JoinRules, PictureRules
from m5tools.joins.bands import Joined, neighbours
from m5tools.joins.hamming import near

COLUMNS: Final = ("frame_pdq", "frame_pdq_quality", "glance_pdq")
"""Of `signals_video`."""
SAME = {"a": pl.UInt32, "b": pl.UInt32, "share": pl.Float32}
_FRAME, _GLANCE = 10, 3
"""Tenths of a second between two."""
_OFF: Final = pl.DataFrame({"off": [-2, -1, 0, 1, 2]}, schema={"off": pl.Int32})
"""Tenths of a second by which two looks at one moment may be apart."""
_PAIRS_AT_ONCE: Final = 512


def same_clips(
    files: Files, pictures: PictureRules, rules: ClipRules, join: JoinRules, scratch: Path
) -> tuple[pl.DataFrame, int]:
    """Pairs of files that show one clip.

    Args:
        files: their `COLUMNS`.
        pictures: distance, recall and least quality of a frame's hash.
        rules: least share and number of frames that agree.
        join: how far an equal hash is followed.
        scratch: a folder for hashes.

    Returns:
        Columns a < b and share (of the frames of the shorter that agree in order); and the number of hubs.
    """
    with tempfile.TemporaryDirectory(prefix="hashes-", dir=scratch) as folder:
        written = Path(folder) / "written"
        moments = _written(files, pictures.min_quality, written)
        hashes, place, _ = distinct(written, Path(folder) / "distinct")
        asked = np.zeros(len(hashes), bool)
        asked[place[moments["is_frame"].to_numpy()]] = True
        near_ones = near(hashes.view(np.uint8).reshape(-1, HASH), pictures.distance, pictures.recall, join.cap, asked)
    shown = moments.with_columns(place=pl.Series(place)).sort("place", "file", "time")
    return _related(shown, near_ones, rules, join)


def _written(files: Files, least_quality: int, file: Path) -> pl.DataFrame:
    """What is known of each clip: file, time in tenths of a second, is_frame (of a second, and not blank). Their
    hashes are written to a file."""
    kept = []
    with file.open("wb") as hashes:
        for part in files.read(*COLUMNS):
            moments = _moments(part, least_quality)
            binary(moments["hash"]).tofile(hashes)
            kept.append(moments.drop("hash"))
    return pl.concat(kept)


def _related(shown: pl.DataFrame, close: Joined, rules: ClipRules, join: JoinRules) -> tuple[pl.DataFrame, int]:
    """Clips that are one, of those that share a hash or have near ones."""
    clips = shown.select("place", "file").unique(maintain_order=True)
    same = neighbours(clips.select(key="place", row="file"), join.window, join.cap)
    some = clips.group_by("place", maintain_order=True).head(join.window)
    across = close.pairs.join(some, left_on="a", right_on="place").join(
        some, left_on="b", right_on="place", suffix="_b"
    )
    ordered = across.filter(pl.col("file") != pl.col("file_b")).select(
        a=pl.min_horizontal("file", "file_b"), b=pl.max_horizontal("file", "file_b")
    )
    pairs = pl.concat([same.pairs, ordered]).unique().sort("a", "b")
    itself = shown.select(a="place", b="place").unique()
    both_ways = pl.concat([close.pairs, close.pairs.select(a="b", b="a"), itself])
    found = [
        _aligned(pairs.slice(start, _PAIRS_AT_ONCE), both_ways, shown, rules)
        for start in range(0, max(1, pairs.height), _PAIRS_AT_ONCE)
    ]
    return pl.concat(found), close.hubs + same.hubs


def _moments(files: pl.DataFrame, least_quality: int) -> pl.DataFrame:
    """The moments of some clips, with their hashes."""
    frames = (
        files.select("file", hash="frame_pdq", quality="frame_pdq_quality")
        .explode("hash", "quality")
        .with_columns(time=pl.int_range(pl.len(), dtype=pl.Int32).over("file") * _FRAME, is_frame=True)
        .filter(pl.col("hash").is_not_null(), pl.col("quality") >= least_quality)
        .drop("quality")
    )
    showing = files.join(frames.select("file").unique(), on="file", how="semi")
    glances = (
        showing.select(
            "file", "glance_pdq", number=pl.int_ranges(pl.col("glance_pdq").bin.size() // HASH, dtype=pl.Int32)
        )
        .explode("number")
        .drop_nulls()
        .select(
            "file", hash=pl.col("glance_pdq").bin.slice(pl.col("number") * HASH, HASH), time=pl.col("number") * _GLANCE
        )
    )
    columns = ["file", "time", "hash", "is_frame"]
    return pl.concat([frames.select(columns), glances.with_columns(is_frame=False).select(columns)])


def _aligned(pairs: pl.DataFrame, close: pl.DataFrame, shown: pl.DataFrame, rules: ClipRules) -> pl.DataFrame:
    """Of candidate pairs those with enough frames that agree at one difference of time."""
    frames = shown.filter("is_frame")
    lengths = frames.group_by("file").len("frames")
    asked = pl.concat([pairs.select(one="a", other="b"), pairs.select(one="b", other="a")])
    met = (
        asked.join(frames, left_on="one", right_on="file")
        .join(close, left_on="place", right_on="a")
        .join(shown, left_on=["other", "b"], right_on=["file", "place"], suffix="_other")
        .select("one", "other", "time", shift=pl.col("time") - pl.col("time_other"))
        .unique()
    )
    return (
        met.join(_OFF, how="cross")
        .group_by("one", "other", pl.col("shift") + pl.col("off"))
        .agg(agreeing=pl.col("time").n_unique())
        .group_by(a=pl.min_horizontal("one", "other"), b=pl.max_horizontal("one", "other"))
        .agg(pl.col("agreeing").max())
        .join(lengths, left_on="a", right_on="file")
        .join(lengths, left_on="b", right_on="file", suffix="_b")
        .with_columns(shorter=pl.min_horizontal("frames", "frames_b"))
        .filter(pl.col("agreeing") >= pl.min_horizontal(pl.lit(rules.min_frames), "shorter"))
        .with_columns(share=(pl.col("agreeing") / pl.col("shorter")).clip(upper_bound=1))
        .filter(pl.col("share") >= rules.share)
        .select("a", "b", "share")
        .sort("a", "b")
        .cast(SAME)  # type: ignore[arg-type]
    )
