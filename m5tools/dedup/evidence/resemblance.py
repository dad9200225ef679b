"""How far the pictures of two products resemble each other, where they are no copies.

A photo cut, lightened and saved anew by another seller is often too far from its origin to be called the same picture,
and yet nearer to it than to others. What that nearness is worth differs from catalogue to catalogue (mugs look alike),
so it decides nothing by itself: it is evidence whose worth is taught (:mod:`m5tools.dedup.taught`).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import polars as pl

from m5tools.dedup.evidence.image import overlap

_HASHES: Final = ("pdq", "pdq_trimmed", "pdq_fitted")
LOOKS: Final = ("row", "asset_id", *_HASHES, "colours")
"""What of a picture is looked at: a quarter of the bytes that its copies are found by."""
_WORDS: Final = 4
"""Of 64 bits, in a hash."""
_BITS: Final = 256
_FARTHEST: Final = 255
_BINS: Final = 64
_MOST: Final = 4
"""Pictures of a product that are looked at."""
RESEMBLANCE: Final = {"a": pl.UInt32, "b": pl.UInt32, "picture_distance": pl.UInt8, "colour_overlap": pl.Float32}


def resemblance(pairs: pl.DataFrame, pictures: pl.DataFrame) -> pl.DataFrame:
    """The nearest two pictures of each pair.

    Args:
        pairs: columns a, b.
        pictures: columns `LOOKS`; no placeholders or blanks.

    Returns:
        Columns a, b, `picture_distance` (bits of 256, the least over whole, trimmed and fitted pictures) and
        `colour_overlap` (0–1, of these two), sorted; pairs of which a side has no picture are left out.
    """
    some = pictures.sort("row", "asset_id").group_by("row", maintain_order=True).head(_MOST)
    files = some.unique("asset_id", maintain_order=True).with_row_index("file")
    by = some.select("row", "asset_id").join(files.select("asset_id", "file"), on="asset_id").select("row", "file")
    met = (
        pairs.select("a", "b")
        .join(by, left_on="a", right_on="row")
        .join(by, left_on="b", right_on="row", suffix="_b")
        .sort("a", "b", "file", "file_b")
    )
    a, b = met["file"].to_numpy(), met["file_b"].to_numpy()
    return (
        met.with_columns(
            picture_distance=pl.Series(_distances(files, a, b), dtype=pl.UInt16),
            colour_overlap=pl.Series(overlap(_bytes(files["colours"], _BINS), a, b), dtype=pl.Float32),
        )
        .sort("a", "b", "picture_distance", pl.col("colour_overlap").neg(), "file", "file_b")
        .unique(["a", "b"], keep="first", maintain_order=True)
        .select(*RESEMBLANCE)
        .cast(RESEMBLANCE)  # type: ignore[arg-type]
    )


def _distances(files: pl.DataFrame, a: Any, b: Any) -> np.ndarray[Any, np.dtype[np.uint16]]:
    """The least distance of any way to look at the one from any way to look at the other."""
    hashes = [_bytes(files[name], _BITS // 8).view(np.uint64) for name in _HASHES]
    known = [files[name].is_not_null().to_numpy() for name in _HASHES]
    least = np.full(len(a), _FARTHEST, np.uint16)
    for mine, have in zip(hashes, known, strict=True):
        for theirs, have_too in zip(hashes, known, strict=True):
            apart = np.zeros(len(a), np.uint16)
            for word in range(_WORDS):
                apart += np.bitwise_count(mine[a, word] ^ theirs[b, word])
            both = have[a] & have_too[b]
            np.minimum(least, apart, out=least, where=both)
    return least


def _bytes(column: pl.Series, width: int) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(column.fill_null(bytes(width))), np.uint8).reshape(-1, width)
