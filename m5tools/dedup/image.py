"""Picture evidence: which products show the same picture, in the same or in another colour.

PDQ hashes (Facebook's 256-bit perceptual hash) of the whole and of the trimmed picture go into one pool, so a margin on
one side is no obstacle. Pairs within a Hamming distance are found by sampled bits (Indyk & Motwani 1998): a table keyed
by k random bits brings two hashes at distance d together with probability (1 − d/256)ᵏ; k grows with the logarithm of
the pool, so a bucket holds about one stranger, and the number of tables follows from the recall wanted.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from m5tools.dedup.band_join import Joined, joined, neighbours, union
from m5tools.dedup.policy import DuplicatePolicy, PictureRules

Hashes = np.ndarray[Any, np.dtype[np.uint8]]

BITS = 256
_FEWEST_BITS = 12
_SEED = 7
_WINDOW = 16
"""Neighbours in a table; wider than for texts, since each table holds strangers too."""

PICTURED = {"a": pl.UInt32, "b": pl.UInt32, "pictures": pl.Float32, "recoloured": pl.Float32, "shared_file": pl.Boolean}


def near_hashes(hashes: Hashes, rules: PictureRules, cap: int) -> Joined:
    """Pairs of distinct hashes within `rules.distance` bits.

    Args:
        hashes: uint8 [n, 32], distinct rows.
        rules: distance and recall.
        cap: largest bucket that is followed.
    """
    count = len(hashes)
    width = max(_FEWEST_BITS, math.ceil(math.log2(max(count, 2))))
    meet = (1 - rules.distance / BITS) ** width
    tables = math.ceil(math.log(1 - rules.recall) / math.log(1 - meet)) if meet < 1 else 1
    bits = np.unpackbits(hashes, axis=1)
    places = np.random.default_rng(_SEED)
    words = np.ascontiguousarray(hashes).view(np.uint64).reshape(count, 4)
    rows = pl.Series("row", np.arange(count, dtype=np.uint32))
    found = []
    for _ in range(tables):
        chosen = np.sort(places.choice(BITS, width, replace=False))
        key = bits[:, chosen].astype(np.uint64) @ (np.uint64(1) << np.arange(width, dtype=np.uint64))
        met = neighbours(pl.DataFrame({"key": key, "row": rows}), _WINDOW, cap)
        a, b = met.pairs["a"].to_numpy(), met.pairs["b"].to_numpy()
        near = np.bitwise_count(words[a] ^ words[b]).sum(axis=1) <= rules.distance
        found.append(replace(met, pairs=met.pairs.filter(pl.Series(near))))
    return joined(found)


def picture_pairs(pictures: pl.DataFrame, policy: DuplicatePolicy) -> tuple[pl.DataFrame, int]:
    """Products that show the same picture.

    Args:
        pictures: columns row, asset_id, pdq, pdq_trimmed, colours; placeholders and blanks already left out.
        policy: its `picture` and `join` parts.

    Returns:
        Columns a, b, `pictures` (share of the smaller set of pictures that the other side has too), `recoloured` (share
        that it has in other colours only), `shared_file` (some file is the very same); and the number of hubs.
    """
    views = (
        pictures.with_row_index("picture")
        .select("picture", "row", pl.concat_list("pdq", "pdq_trimmed").alias("hash"))
        .explode("hash")
        .drop_nulls("hash")
        .unique()
        .sort("hash", "row", "picture")
    )
    if views.is_empty():
        return pl.DataFrame(schema=PICTURED), 0
    distinct = views["hash"].unique().sort()
    hashes = np.frombuffer(b"".join(distinct), np.uint8).reshape(-1, BITS // 8)
    near = near_hashes(hashes, policy.picture, policy.join.cap)
    places = pl.DataFrame({"hash": distinct}).with_row_index("place")
    views = views.join(places, on="hash", maintain_order="left")
    same = neighbours(views.select(key="place", row="picture"), policy.join.window, policy.join.cap)
    some = views.group_by("place", maintain_order=True).head(policy.join.window).select("place", "picture")
    across = near.pairs.join(some, left_on="a", right_on="place").join(some, left_on="b", right_on="place", suffix="_b")
    both = union([same.pairs, across.select(a="picture", b="picture_b")])
    return _by_product(both, pictures, policy.picture), near.hubs + same.hubs


def _by_product(both: pl.DataFrame, pictures: pl.DataFrame, rules: PictureRules) -> pl.DataFrame:
    """Pairs of pictures → pairs of products. Pictures are numbered along the rows, so a < b holds for these too."""
    a, b = (pictures[both[side].cast(pl.Int64)] for side in ("a", "b"))
    rows = pl.DataFrame(
        {
            "a": a["row"],
            "b": b["row"],
            "of_a": both["a"],
            "of_b": both["b"],
            "file": a["asset_id"] == b["asset_id"],
            "alike": _overlap(a["colours"], b["colours"]) >= rules.colour_overlap,
        }
    ).filter(pl.col("a") != pl.col("b"))
    sizes = pictures.group_by("row").len()
    of_a, of_b = (pl.col(side).filter(pl.col("alike")).n_unique() for side in ("of_a", "of_b"))
    matched = pl.min_horizontal(of_a, of_b)
    other = pl.min_horizontal(pl.col("of_a").n_unique(), pl.col("of_b").n_unique())
    return (
        rows.group_by("a", "b")
        .agg(matched=matched, other=other, shared_file=pl.col("file").any())
        .join(sizes, left_on="a", right_on="row")
        .join(sizes, left_on="b", right_on="row", suffix="_b")
        .with_columns(smaller=pl.min_horizontal("len", "len_b"))
        .select(
            "a",
            "b",
            pictures=pl.col("matched") / pl.col("smaller"),
            recoloured=(pl.col("other") - pl.col("matched")) / pl.col("smaller"),
            shared_file="shared_file",
        )
        .sort("a", "b")
        .cast(PICTURED)  # type: ignore[arg-type]
    )


def _overlap(a: pl.Series, b: pl.Series) -> pl.Series:
    """Histogram intersection of two columns of 64-byte histograms, 0–1; 0 where one is missing."""
    none = bytes(64)
    left, right = (
        np.frombuffer(b"".join(s.fill_null(none)), np.uint8).reshape(-1, 64).astype(np.float32) for s in (a, b)
    )
    total = np.maximum(np.minimum(left.sum(axis=1), right.sum(axis=1)), 1)
    return pl.Series(np.minimum(left, right).sum(axis=1) / total)
