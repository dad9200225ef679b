"""Picture evidence: which products show the same picture, in the same or in another colour.

A picture is looked at in several ways, each with its own PDQ hash (Facebook's 256-bit perceptual hash; measured
already, nothing is decoded here), and two are one picture when any of these agree within a distance:

- whole or trimmed with whole or trimmed: recompressed, resized, in a frame;
- … with the other's trimmed picture turned or mirrored, and with the middle of the other: a lost rim;
- fitted with fitted: things on white, whatever the margin;
- a corner part with the same part: a badge over another corner.

Hashes see no colour, so a signature of colours and tones stands beside them: a picture in another colour is another
picture, a grey copy is the same one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from m5tools.dedup.evidence.files import Files, candidates, listed, met, without_worn
from m5tools.dedup.evidence.views import Way, binary, near_files, pooled
from m5tools.dedup.policy import ComparePolicy, JoinRules, PictureRules

COLUMNS: Final = (
    "pdq", "pdq_trimmed", "pdq_turned", "pdq_fitted", "pdq_centres", "pdq_corners", "colours", "tones",
)  # fmt: skip
"""Of `signals_image`: what picture evidence is made from."""

PICTURED = {
    "a": pl.UInt32, "b": pl.UInt32, "pictures": pl.Float32, "recoloured": pl.Float32, "grey": pl.Float32,
    "matched": pl.UInt32, "shared_file": pl.Boolean,
}  # fmt: skip
_COPY = {"a": pl.UInt32, "b": pl.UInt32, "distance": pl.UInt8, "alike": pl.Boolean, "grey": pl.Boolean}
_CORNERS: Final = 4
_ORIENTATIONS: Final = 8
_RIMS: Final = 4
_POOLS: Final = (
    (
        Way("pdq", [0], True),
        Way("pdq_trimmed", [0], True),
        Way("pdq_turned", range(1, _ORIENTATIONS), False),
        Way("pdq_centres", range(_RIMS), False),
    ),
    (Way("pdq_fitted", [0], True),),
    *((Way("pdq_corners", [corner], True),) for corner in range(_CORNERS)),
)
"""Ways to look that are compared with each other."""
_CHUNK: Final = 2**16


def picture_pairs(pictures: Sequence[pl.LazyFrame], policy: ComparePolicy, scratch: Path) -> tuple[pl.DataFrame, int]:
    """Products that show the same picture.

    Args:
        pictures: parts of one table, read one at a time: columns row, asset_id, stem and `COLUMNS`; placeholders and
            blanks already left out.
        policy: its `picture` and `join` parts.
        scratch: a folder for hashes.

    Returns:
        Columns a, b, `pictures` (share of the smaller set of pictures that is matched one to one by the other),
        `recoloured` (share that is matched in other colours only), `grey` (share matched by a grey copy, a part of
        `pictures`), `matched` (how many pictures are), `shared_file` (some file is the very same); and the number of
        hubs.
    """
    known = listed(pictures, "pdq")
    related, hubs = copies(known.files, policy.picture, policy.join, scratch)
    related, by, worn = without_worn(related, known.by, policy.picture.hub_titles)
    pairs = candidates(related, by, policy.join)
    return _matched(pairs.pairs, related, by), hubs + worn + pairs.hubs


def copies(files: Files, rules: PictureRules, join: JoinRules, scratch: Path) -> tuple[pl.DataFrame, int]:
    """Pairs of files that show one picture.

    Args:
        files: their `COLUMNS`.
        rules: distance, recall and overlaps.
        join: how far an equal hash is followed.
        scratch: a folder for hashes.

    Returns:
        Columns a < b, distance (the least over all ways to look), `alike` (in colour too), `grey` (alike, one of them
        without colour); and the number of hubs.
    """
    found = []
    for ways in _POOLS:
        with tempfile.TemporaryDirectory(prefix="hashes-", dir=scratch) as folder:
            found.append(near_files(pooled(files, ways, Path(folder)), rules, join, Path(folder)))
    every = pl.concat([pl.DataFrame(schema=_COPY).select("a", "b", "distance"), *(pairs for pairs, _ in found)])
    closest = every.group_by("a", "b").agg(pl.col("distance").min()).sort("a", "b")
    return _coloured(closest, files, rules), sum(hubs for _, hubs in found)


def _coloured(pairs: pl.DataFrame, files: Files, rules: PictureRules) -> pl.DataFrame:
    """Adds `alike` and `grey`."""
    paired = pl.concat([pairs["a"], pairs["b"]]).unique().alias("file").to_frame()
    told = pl.concat(part.join(paired, on="file", how="semi") for part in files.read("colours", "tones")).sort("file")
    colours, tones = _histograms(told["colours"], 64), _histograms(told["tones"], 16)
    neutral = _neutral(colours) >= rules.neutral_share
    a, b = (np.searchsorted(told["file"].to_numpy(), pairs[side].to_numpy()) for side in ("a", "b"))
    by_colour, by_tone = overlap(colours, a, b), overlap(tones, a, b)
    alike = (by_colour >= rules.colour_overlap) & (by_tone >= rules.tone_overlap)
    # Where one side has no colour, tones alone tell whether it is the other made grey.
    grey = ~alike & (neutral[a] ^ neutral[b]) & (by_tone >= rules.grey_overlap)
    return pairs.with_columns(alike=pl.Series(alike | grey, dtype=pl.Boolean), grey=pl.Series(grey, dtype=pl.Boolean))


def _histograms(column: pl.Series, bins: int) -> npt.NDArray[np.uint8]:
    return binary(column.fill_null(bytes(bins))).reshape(-1, bins)


def overlap(histograms: npt.NDArray[np.uint8], a: Any, b: Any) -> npt.NDArray[np.float32]:
    """Intersection of the histograms at places a and b, 0–1; two that hold nothing, all white, are alike."""
    shares = np.empty(len(a), np.float32)
    for start in range(0, len(a), _CHUNK):
        one, other = (histograms[side[start : start + _CHUNK]].astype(np.float32) for side in (a, b))
        least = np.minimum(one.sum(axis=1), other.sum(axis=1))
        common = np.minimum(one, other).sum(axis=1) / np.maximum(least, 1)
        both_empty = np.maximum(one.sum(axis=1), other.sum(axis=1)) == 0
        shares[start : start + _CHUNK] = np.where(both_empty, 1, common)
    return shares


def _neutral(colours: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Share of the four bins around neutral."""
    square = colours.reshape(-1, 8, 8).astype(np.float32)
    middle: npt.NDArray[np.float32] = square[:, 3:5, 3:5].sum(axis=(1, 2)) / np.maximum(square.sum(axis=(1, 2)), 1)
    return middle


def _matched(products: pl.DataFrame, related: pl.DataFrame, by: pl.DataFrame) -> pl.DataFrame:
    """How much of their pictures the products of each pair share, every picture matched once."""
    itself = by.select(a="file", b="file").unique().with_columns(distance=0, alike=True, grey=False)
    open_ = met(products, pl.concat([related, itself.cast(_COPY)]), by).sort(  # type: ignore[arg-type]
        "a", "b", pl.col("alike").not_(), "distance", "file", "file_b"
    )
    pairs, mine, theirs = ["a", "b"], ["a", "b", "file"], ["a", "b", "file_b"]
    chosen = [open_.clear()]
    while not open_.is_empty():
        # Sorted from best to worst: what comes first for both its pictures is taken.
        best = open_.filter(pl.struct(mine).is_first_distinct() & pl.struct(theirs).is_first_distinct())
        chosen.append(best)
        open_ = open_.join(best, on=mine, how="anti", maintain_order="left").join(
            best, on=theirs, how="anti", maintain_order="left"
        )
    sizes = by.group_by("row").agg(size=pl.col("file").n_unique())
    return (
        pl.concat(chosen)
        .group_by(pairs)
        .agg(
            same=pl.col("alike").sum(),
            other=pl.col("alike").not_().sum(),
            in_grey=pl.col("grey").sum(),
            shared_file=(pl.col("file") == pl.col("file_b")).any(),
        )
        .join(sizes, left_on="a", right_on="row")
        .join(sizes, left_on="b", right_on="row", suffix="_b")
        .with_columns(smaller=pl.min_horizontal("size", "size_b"))
        .select(
            *pairs,
            pictures=pl.col("same") / pl.col("smaller"),
            recoloured=pl.col("other") / pl.col("smaller"),
            grey=pl.col("in_grey") / pl.col("smaller"),
            matched=pl.col("same"),
            shared_file="shared_file",
        )
        .sort(pairs)
        .cast(PICTURED)  # type: ignore[arg-type]
    )
