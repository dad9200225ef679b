"""Clip evidence: which products show the same clip, by the hashes of frames one second apart and their order.

Two clips are one when enough frames of the shorter have a near frame in the other, all with about the same time between
them: a diagonal of the two clips' frames, so that cut ends and re-encoding do no harm and a shared title card says little.
Frames that show nothing have no say.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl

from m5tools.dedup.band_join import neighbours
from m5tools.dedup.hamming import near
from m5tools.dedup.policy import ClipRules, JoinRules, PictureRules

HASH: Final = 32
COLUMNS: Final = ("frame_pdq", "frame_pdq_quality")
"""Of `signals_video`."""
SAME = {"a": pl.UInt32, "b": pl.UInt32, "share": pl.Float32}


def same_clips(files: pl.DataFrame, pictures: PictureRules, rules: ClipRules, join: JoinRules) -> tuple[pl.DataFrame, int]:
    """Pairs of files that show one clip.

    Args:
        files: columns file (0 … n−1), `COLUMNS`.
        pictures: distance, recall and least quality of a frame's hash.
        rules: least share and number of frames that agree.
        join: how far an equal hash is followed.

    Returns:
        Columns a < b and share (of the frames of the shorter that agree in order); and the number of hubs.
    """
    frames = (
        files.select("file", hash="frame_pdq", quality="frame_pdq_quality")
        .explode("hash", "quality")
        .with_columns(frame=pl.int_range(pl.len()).over("file"))
        .filter(pl.col("hash").is_not_null(), pl.col("quality") >= pictures.min_quality)
        .select("file", "frame", "hash")
    )
    if frames.is_empty():
        return pl.DataFrame(schema=SAME), 0
    distinct = frames["hash"].unique().sort()
    hashes = np.frombuffer(b"".join(distinct), np.uint8).reshape(-1, HASH)
    close = near(hashes, pictures.distance, pictures.recall, join.cap)
    places = pl.DataFrame({"hash": distinct}).with_row_index("place")
    shown = frames.join(places, on="hash").select("place", "file", "frame").sort("place", "file", "frame")
    clips = shown.unique(["place", "file"], maintain_order=True)
    same = neighbours(clips.select(key="place", row="file"), join.window, join.cap)
    some = clips.group_by("place", maintain_order=True).head(join.window).select("place", "file")
    across = close.pairs.join(some, left_on="a", right_on="place").join(some, left_on="b", right_on="place", suffix="_b")
    pairs = pl.concat([same.pairs, _ordered(across)]).unique().sort("a", "b")
    return _aligned(pairs, close.pairs, shown, rules), close.hubs + same.hubs


def _ordered(across: pl.DataFrame) -> pl.DataFrame:
    return across.filter(pl.col("file") != pl.col("file_b")).select(
        a=pl.min_horizontal("file", "file_b"), b=pl.max_horizontal("file", "file_b")
    )


def _aligned(pairs: pl.DataFrame, close: pl.DataFrame, shown: pl.DataFrame, rules: ClipRules) -> pl.DataFrame:
    """Of candidate pairs those with enough agreeing frames on one diagonal."""
    itself = shown.select(a="place", b="place").unique()
    both_ways = pl.concat([close, close.select(a="b", b="a"), itself])
    met = (
        pairs.join(shown, left_on="a", right_on="file")
        .join(both_ways, left_on="place", right_on="a", suffix="_near")
        .join(shown, left_on=["b", "b_near"], right_on=["file", "place"], suffix="_b")
        .select("a", "b", "frame", diagonal=pl.col("frame").cast(pl.Int32) - pl.col("frame_b").cast(pl.Int32))
    )
    lengths = shown.group_by("file").agg(frames=pl.col("frame").n_unique())
    return (
        met.group_by("a", "b", "diagonal")
        .agg(agreeing=pl.col("frame").n_unique())
        .group_by("a", "b")
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
